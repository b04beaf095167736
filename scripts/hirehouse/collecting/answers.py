"""Answers of the collector, as SDKs of the Segment format read them."""

from http import HTTPStatus

import orjson
from starlette.responses import Response

RETRY_AFTER = 5  # seconds, in answers of 503


class Rejected(Exception):
    """A request that is rejected.

    Args:
        status: of HTTP.
        message: the reason.
        retry_after: seconds until the client should try again; 0 for no such advice.
    """

    def __init__(self, status: int, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    def answer(self) -> Response:
        # SDKs read `code` and `message`, and retry on an answer without them.
        about = {"code": HTTPStatus(self.status).phrase, "message": str(self)}
        answer = json_answer({"success": False, **about}, self.status)
        if self.retry_after:
            answer.headers["Retry-After"] = str(self.retry_after)
        return answer


def unavailable(why: str) -> Rejected:
    """503, after which SDKs try again."""
    return Rejected(503, why, RETRY_AFTER)


def json_answer(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
