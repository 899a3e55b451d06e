"""Answers of the API: a result or an error, as JSON with its status."""

import hashlib
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
from .wire import PROBLEM, dump_problem

STATUS = {Busy: 429, UnknownName: 404, InputError: 400, ConflictError: 409, StateError: 503, CampaignFailed: 422}


class Refused(InputError):
    """A request whose caller lacks the right to make it."""

    def __init__(self, status: int, found: str, allowed: str, remedy: str = "") -> None:
        super().__init__(found, allowed, remedy)
        self.status = status


def as_json(status: int, content: bytes) -> Response:
    """An answer of JSON."""
    return Response(content, status, HEADERS, media_type="application/json")


def as_read(content: bytes, headers: Mapping[str, str], request_id: str) -> Response:
    """The answer to a request that reads: with a tag of its content, or nothing but the tag to who has that content."""
    tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
    known = {part.strip().removeprefix("W/") for part in headers.get("if-none-match", "").split(",")}
    answer = as_json(200, content) if not known & {tag, "*"} else Response(status_code=304, headers=HEADERS)
    answer.headers["etag"], answer.headers["x-request-id"] = tag, request_id
    answer.headers["cache-control"] = "private, no-cache"  # it may be kept, and has to be asked for each time
    return answer


def as_done(content: bytes, request_id: str, *, is_from_before: bool) -> Response:
    """The answer to a request that acts; `is_from_before`: to one that was sent again and not carried out again."""
    answer = as_json(200, content)
    answer.headers["x-request-id"] = request_id
    if is_from_before:
        answer.headers["idempotency-replayed"] = "true"
    return answer


def as_error(error: RetunedError, status: int | None = None) -> Response:
    """An error; its status is that of its type, unless one is given."""
    if status is None:
        own = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        status = error.status if isinstance(error, Refused) else own
    answer = Response(dump_problem(error, status), status, HEADERS, media_type=PROBLEM)
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
