"""A message in Slack's Block Kit, for an incoming webhook.

Source: docs.slack.dev, "Reference: Blocks" (header 150, section 3,000, 10 fields of 2,000, button text 75 and address
3,000, 50 blocks). All of a message together is refused from about 13,200 characters on, which is not documented.
Texts are `plain_text`, in which nothing that a training wrote mentions a channel or becomes a link.
"""

from collections.abc import Mapping
from typing import Any

from ..message import AlertMessage, Severity
from .shorten import lines_that_fit, shortened, utf16_length
from .wording import WHAT_TO_TYPE, facts_of, footer, headline, is_good

MOST_HEADER, MOST_SENTENCES, MOST_COMMANDS, MOST_FALLBACK = 150, 2_900, 2_000, 1_500
MOST_FACTS, MOST_FACT, MOST_FOOTER, MOST_URL = 10, 250, 300, 3_000
_MARKS = {Severity.CRITICAL: "\U0001f534", Severity.WARNING: "\U0001f7e0", Severity.INFO: "\U0001f535"}


def slack_form(message: AlertMessage) -> Mapping[str, Any]:
    """The body: blocks, and `text` for notifications and for readers that show no blocks."""
    title, sentences = f"{_mark(message)} {headline(message)}", "\n".join(message.sentences)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(shortened(title, MOST_HEADER, note="..."))}]
    if sentences.strip():
        blocks.append({"type": "section", "text": _plain(shortened(sentences, MOST_SENTENCES))})
    if message.facts:
        facts = (shortened(f"{label}: {value}", MOST_FACT) for label, value in facts_of(message, MOST_FACTS))
        blocks.append({"type": "section", "fields": [_plain(fact) for fact in facts]})
    commands = lines_that_fit(message.commands, MOST_COMMANDS, lambda text: utf16_length(escaped(text)))
    if commands:
        code = f"{WHAT_TO_TYPE}\n```\n" + escaped("\n".join(commands)) + "\n```"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": code, "verbatim": True}})
    if message.link is not None and utf16_length(message.link) <= MOST_URL:
        button = {"type": "button", "text": _plain("Open the page"), "url": message.link}
        blocks.append({"type": "actions", "elements": [button]})
    blocks.append({"type": "context", "elements": [_plain(shortened(footer(message), MOST_FOOTER))]})
    return {"text": _fallback(message), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    """The text with the three characters that Slack's own markup begins with escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fallback(message: AlertMessage) -> str:
    text = "\n".join((headline(message), *message.sentences))
    return escaped(shortened(text, MOST_FALLBACK, lambda shown: utf16_length(escaped(shown))))


def _mark(message: AlertMessage) -> str:
    if is_good(message):
        return "✅"
    return _MARKS[message.severity]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
