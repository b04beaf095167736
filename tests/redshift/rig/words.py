"""The words of a statement, each with its neighbours."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot
from sqlglot import Token, TokenType

# The text of a comment is in dollar quotes, and may be any.
COMMENT_ON = re.compile(r"\s*(?:/\*.*?\*/\s*)*comment\s+on\b", re.IGNORECASE | re.DOTALL)
PARAMETER = re.compile(r"\$(?=\d)")


@dataclass(frozen=True)
class Word:
    """A name, a keyword, a literal or a sign, and the kinds of those beside it."""

    token: Token
    before: TokenType | None
    after: TokenType | None

    @property
    def text(self) -> str:
        """In lower case, as Redshift reads all names, those in quotes, too."""
        return self.token.text.lower()

    @property
    def kind(self) -> TokenType:
        return self.token.token_type

    @property
    def quoted(self) -> bool:
        return self.kind in (TokenType.STRING, TokenType.IDENTIFIER)

    @property
    def opens(self) -> bool:
        """Whether a parenthesis follows."""
        return self.after == TokenType.L_PAREN


def words_of(sql: str) -> list[Word]:
    """The words of a statement; a SqlglotError if it has an open quote."""
    tokens = sqlglot.tokenize(without_dollars(sql), read="redshift")
    kinds = [None, *(token.token_type for token in tokens), None]
    return [Word(t, kinds[n], kinds[n + 2]) for n, t in enumerate(tokens)]


def without_dollars(sql: str) -> str:
    """The statement, as long as it was, with `_1` for `$1`, which sqlglot takes for a quote."""
    return PARAMETER.sub("_", sql)
