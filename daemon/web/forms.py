"""What a form sends: its fields, in either of the encodings that browsers use, and as a verb's arguments."""

from collections.abc import Mapping
from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qsl

from ...strategies.errors import InputError

MOST_FIELDS = 50
MULTIPART = "multipart/form-data"
_NUMBERS = frozenset({"budget_s", "seed", "to", "campaign"})
"""Fields of forms that are numbers."""


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form by name, an uploaded file's content among them. Raises InputError."""
    if content_type.partition(";")[0].strip().lower() == MULTIPART:
        return _parts(content_type, body)
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MOST_FIELDS, keep_blank_values=True))
    except ValueError:
        raise _too_many() from None


def arguments_in(fields: Mapping[str, str]) -> dict[str, object]:
    """The fields that were filled in, as arguments of a verb."""
    return {name: _number(text) if name in _NUMBERS else text for name, text in fields.items() if text}


def _parts(content_type: str, body: bytes) -> dict[str, str]:
    """The parts of a form that uploads a file; bytes that are no UTF-8 stay as surrogates."""
    header = f"content-type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=policy.HTTP).parsebytes(header + body)
    parts = list(message.iter_parts()) if message.is_multipart() else []
    if len(parts) > MOST_FIELDS:
        raise _too_many()
    fields: dict[str, str] = {}
    for part in parts:
        name, payload = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload.decode("utf-8", "surrogateescape")
    return fields


def _number(text: str) -> object:
    """A number of a form; as it is where it is none, for the verb to refuse."""
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def _too_many() -> InputError:
    return InputError(
        "the form has too many fields", f"allowed: {MOST_FIELDS}", "go back, reload the page and try again"
    )
