"""The two JSON Schema keywords that contracts need and the standard does not have."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from jsonschema_rs import KeywordValidator


class _Limit:
    def __init__(self, _parent: dict[str, Any], value: int, _path: list[str]) -> None:
        self.limit = value


class MaxBytes(_Limit):
    """`maxBytes: n`: UTF-8 bytes of a text, or of a list's or object's compact JSON.

    Columns are `varchar(n)` of bytes on Redshift, while `maxLength` counts characters.
    """

    def validate(self, instance: object) -> None:
        if isinstance(instance, str):
            size = len(instance.encode())
        elif isinstance(instance, list | dict):
            size = len(orjson.dumps(instance, default=str))
        else:
            return
        if size > self.limit:
            raise ValueError(f"{size} bytes, at most {self.limit}")


class Scale(_Limit):
    """`scale: n`: at most n decimal places.

    Not `multipleOf: 0.01`: validators that divide binary floats refuse 1249.51 under it.
    """

    def validate(self, instance: object) -> None:
        if isinstance(instance, bool) or not isinstance(instance, float | Decimal):
            return
        exponent = Decimal(str(instance)).normalize().as_tuple().exponent
        if isinstance(exponent, int) and -exponent > self.limit:
            raise ValueError(f"{-exponent} decimal places, at most {self.limit}")


KEYWORDS: dict[str, type[KeywordValidator]] = {"maxBytes": MaxBytes, "scale": Scale}
