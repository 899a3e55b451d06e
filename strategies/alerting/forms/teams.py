"""A message for a Workflows webhook of Microsoft Teams: an Adaptive Card, version 1.5, as an attachment.

Source: learn.microsoft.com, "Create incoming webhooks with Workflows" and the schema of Adaptive Cards 1.5. A body over
28 KB is refused, one without the envelope is accepted and shows nothing. Texts are runs of a RichTextBlock: unlike a
TextBlock it takes them as they are, without Markdown in them.
"""

import json
from collections.abc import Mapping
from typing import Any

from ..message import AlertMessage, Severity
from .shorten import lines_that_fit, shortened
from .wording import WHAT_TO_TYPE, facts_of, footer, headline, is_good

MOST_BYTES = 28_000
MOST_TITLE, MOST_SENTENCES, MOST_COMMANDS, MOST_FACT, MOST_FOOTER, MOST_URL = 600, 9_000, 5_000, 500, 600, 2_000
MOST_FACTS = 10
_COLORS = {Severity.CRITICAL: "Attention", Severity.WARNING: "Warning", Severity.INFO: "Accent"}


def teams_form(message: AlertMessage) -> Mapping[str, Any]:
    """The body: a message with one card."""
    has_link = message.link is not None and json_bytes(message.link) <= MOST_URL
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": _body(message),
        "msteams": {"width": "Full"},
    }
    if has_link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the page", "url": message.link}]
    content_type = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": content_type, "contentUrl": None, "content": card}],
    }


def json_bytes(text: str) -> int:
    """How many bytes a text takes in the body."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2


def _body(message: AlertMessage) -> list[dict[str, Any]]:
    color = "Good" if is_good(message) else _COLORS[message.severity]
    title = shortened(headline(message), MOST_TITLE, json_bytes, "...")
    blocks = [_text({"text": title, "weight": "Bolder", "size": "Large", "color": color})]
    sentences = shortened("\n".join(message.sentences), MOST_SENTENCES, json_bytes)
    blocks += [_text({"text": line}) for line in sentences.split("\n") if line.strip()]
    for label, value in facts_of(message, MOST_FACTS):
        shown = shortened(value, MOST_FACT, json_bytes)
        bold = {"text": f"{shortened(label, 100, json_bytes, '...')}: ", "weight": "Bolder"}
        blocks.append(_text(bold, {"text": shown}))
    commands = lines_that_fit(message.commands, MOST_COMMANDS, json_bytes)
    blocks += [_text({"text": WHAT_TO_TYPE})] if commands else []
    for line in commands:
        blocks.append(_text({"text": line, "fontType": "Monospace"}))
    small = {"text": shortened(footer(message), MOST_FOOTER, json_bytes), "size": "Small", "isSubtle": True}
    return [*_within(blocks), _text(small)]


def _within(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first blocks that fit: hundreds of short lines cost more in brackets than in words."""
    kept, left = list[dict[str, Any]](), MOST_BYTES - 4_000
    for block in blocks:
        left -= len(json.dumps(block, ensure_ascii=False).encode("utf-8", "surrogatepass")) + 2
        if left < 0:
            return [*kept, _text({"text": "(shortened; the whole text: retuned alerts)"})]
        kept.append(block)
    return kept


def _text(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", **run} for run in runs]}
