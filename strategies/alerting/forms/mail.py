"""A message as e-mail: a subject, plain text, and the same in HTML without anything that is fetched."""

from dataclasses import dataclass
from hashlib import sha256
from html import escape

from ..message import AlertMessage, Severity
from .shorten import shortened
from .wording import WHAT_TO_TYPE, footer, headline, is_good

MOST_SUBJECT, MOST_BODY = 200, 100_000
CHART = "chart@retuned"
"""The name under which the HTML shows the picture that comes with it."""
_COLORS = {Severity.CRITICAL: "#d0342c", Severity.WARNING: "#b86800", Severity.INFO: "#2f74c9"}
_GOOD = "#2a8a43"
"""Each can be read on white and on the dark background of a mail program."""
_CODE = (
    "background:#f2f2f2;color:#1a1a1a;margin:0;border-radius:4px;padding:8px 12px;font:13px monospace;"
    "white-space:pre-wrap;overflow-wrap:anywhere"
)


@dataclass(frozen=True, slots=True)
class Mail:
    """What one e-mail says. `thread`: the same for all messages of an alert, so that mail programs join them."""

    subject: str
    text: str
    html: str
    thread: str


def mail_form(message: AlertMessage, *, has_chart: bool = False) -> Mail:
    """The e-mail of a message; `has_chart`: a picture of the model's record comes with it."""
    # "=?" begins a coded word (RFC 2047), which may stand for a line end and a header of its own
    said = " ".join(f"[retuned] {headline(message)}".split()).replace("=?", "= ?")
    subject = shortened(said, MOST_SUBJECT, note="...")
    thread = sha256(message.key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Mail(subject, _text(message), _html(message, has_chart), thread)


def _text(message: AlertMessage) -> str:
    facts = [f"{label}: {value}" for label, value in message.facts]
    commands = [WHAT_TO_TYPE, "", *(f"    {command}" for command in message.commands)] if message.commands else []
    link = [f"The page: {message.link}"] if message.link is not None else []
    parts = ([headline(message)], list(message.sentences), facts, commands, link, ["-- ", footer(message)])
    return shortened("\n\n".join("\n".join(part) for part in parts if part), MOST_BODY) + "\n"


def _html(message: AlertMessage, has_chart: bool) -> str:
    color = _GOOD if is_good(message) else _COLORS[message.severity]
    sentences = shortened("\n".join(message.sentences), MOST_BODY // 2).split("\n")
    rows = "".join(
        f'<tr><th align="left" valign="top" style="padding:2px 16px 2px 0;font-weight:600">{escape(label)}</th>'
        f"<td>{escape(value)}</td></tr>"
        for label, value in message.facts
    )
    parts = (
        f'<h2 style="margin:0 0 12px;color:{color};font-size:18px">{escape(headline(message))}</h2>',
        *(f'<p style="margin:0 0 8px">{escape(sentence)}</p>' for sentence in sentences if sentence.strip()),
        f'<table style="border-collapse:collapse;margin:12px 0">{rows}</table>' if rows else "",
        _chart(message) if has_chart else "",
        f'<p style="margin:12px 0 4px">{WHAT_TO_TYPE}</p>' if message.commands else "",
        f'<pre style="{_CODE}">{escape(chr(10).join(message.commands))}</pre>' if message.commands else "",
        _link(message.link),
        f'<p style="margin:16px 0 0;color:#767676;font-size:12px">{escape(footer(message))}</p>',
    )
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f"</head>\n<body style=\"font:15px/1.45 system-ui,'Segoe UI',Arial,sans-serif;max-width:640px;margin:16px\">\n"
        f"{body}\n</body></html>\n"
    )


def _chart(message: AlertMessage) -> str:
    said = f"Scores of {message.model}, one point a re-evaluation"
    return (
        f'<p style="margin:12px 0"><img src="cid:{CHART}" alt="{escape(said)}" width="600" '
        'style="max-width:100%;height:auto;border:0"></p>'
    )


def _link(link: str | None) -> str:
    if link is None or not link.startswith(("https://", "http://")):
        return ""
    return f'<p style="margin:12px 0"><a href="{escape(link)}">Open the page</a></p>'
