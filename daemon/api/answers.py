"""Answers of the API: a result or an error, as JSON with its status."""

from collections.abc import Mapping

from fastapi import Response

from ...strategies.errors import (
    CampaignFailed,
    ConflictError,
    InputError,
    RetunedError,
    StateError,
    UnknownName,
)
from .compute_queue import RETRY_AFTER_S, Busy
from .request_guard import HEADERS
from .wire import dump_error

STATUS = {Busy: 429, UnknownName: 404, InputError: 400, ConflictError: 409, StateError: 503, CampaignFailed: 422}


class Refused(InputError):
    """A request whose caller lacks the right to make it."""

    def __init__(self, status: int, found: str, allowed: str, remedy: str = "") -> None:
        super().__init__(found, allowed, remedy)
        self.status = status


def as_json(status: int, content: bytes) -> Response:
    """An answer of JSON."""
    return Response(content, status, HEADERS, media_type="application/json")


def as_error(error: RetunedError, status: int | None = None) -> Response:
    """An error; its status is that of its type, unless one is given."""
    if status is None:
        own = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        status = error.status if isinstance(error, Refused) else own
    answer = as_json(status, dump_error(error))
    if status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    if status == 429:
        answer.headers["retry-after"] = str(RETRY_AFTER_S)
    return answer


def refuse_other_content(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse what a web page can send without a preflight request: forms and plain text."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body.strip() and kind != "application/json":
        raise Refused(415, f"the body is of type '{kind[:60]}'", "allowed: application/json")
