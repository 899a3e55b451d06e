"""The process that sends one message through Apprise: standard input is one JSON object with `url` and what
`Apprise.notify` takes, standard output one word. It loads nothing of ours, since it lives for one message."""

import json
import sys
from collections.abc import Mapping


def main() -> None:
    """Send it and say how that ended: sent, refused, unknown (the address), or missing (Apprise)."""
    sys.stdout.write(_answer(json.load(sys.stdin)))


def _answer(question: Mapping[str, str]) -> str:
    try:
        import apprise
    except ImportError:
        return "missing"
    sender = apprise.Apprise()
    if not sender.add(question["url"]):
        return "unknown"
    is_sent = sender.notify(
        body=question["body"], title=question["title"], notify_type=question["notify_type"],
        body_format=apprise.NotifyFormat.TEXT,
    )  # fmt: skip
    return "sent" if is_sent else "refused"


if __name__ == "__main__":
    main()
