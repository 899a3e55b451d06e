"""Texts that others wrote (names of columns, metrics, owners, what trainings print), on their way into each channel:
none mentions anyone, becomes a link or markup, turns the reading direction, or adds a header."""

import email
import json
import re
from email.policy import SMTP
from html.parser import HTMLParser

import pytest
from pydantic import TypeAdapter
from retuned.daemon.alerts.channel_posts import Occasion, post_of
from retuned.daemon.alerts.mail import mail_of
from retuned.daemon.config.channel_tables import Channels
from retuned.daemon.config.config import AlertsTable, Config
from retuned.daemon.state.alert_raising import Found, raise_for_model
from retuned.strategies.alerting.forms.apprise import apprise_form
from retuned.strategies.alerting.message import AlertMessage, Kind, Severity

CHANNELS = TypeAdapter(Channels).validate_python(
    {
        "slack": {"kind": "slack", "url": "env:SLACK"},
        "teams": {"kind": "teams", "url": "env:TEAMS"},
        "pagerduty": {"kind": "pagerduty", "routing_key": "env:KEY"},
        "alertmanager": {"kind": "alertmanager", "url": "https://alerts.example.org"},
        "webhook": {"kind": "webhook", "url": "https://example.org/hook"},
        "email": {"kind": "email", "host": "mail.example.org", "sender": "r@example.org", "to": ["a@example.org"]},
    }
)
ENVIRON = {"SLACK": "https://hooks.example.org/s", "TEAMS": "https://teams.example.org/t", "KEY": "R0"}
HOSTILE = [
    "<!channel> <!here> <@U012AB3CD> <https://evil.example|click>",
    "<at>everyone</at> [click](javascript:alert(1)) **bold** <img src=x onerror=alert(1)>",
    "a\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m \x07 \x1b]8;;https://evil.example\x1b\\link",
    "\u202egnitrow\u202c \u2066x\u2069 \u200bzero\u200d width \ufeff",
    "=?utf-8?q?=0D=0ABcc:_victim@example.org?=",
    "``` \n end of the code ``` <!channel>",
    "caf\udce9.csv",
]
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request, desk, clock):
    """The message that the service makes of such texts, and what each channel is sent."""
    desk.register()
    text = request.param
    found = Found(Kind.FAILED, text, Severity.WARNING, f"toy: {text}", (text, f"Why: {text}"), (f"retuned {text}",),
                  change=text, facts=(("Loses", text),))  # fmt: skip
    config = Config(state=desk.config.state, channels=CHANNELS, alerts=AlertsTable())
    with desk.store.transaction():
        raise_for_model(desk.store, 1, "toy", text, None, found, config, clock.now())
    row = desk.store.row("SELECT payload FROM outbox WHERE channel = 'slack'")
    message = AlertMessage.from_json(json.loads(row["payload"]))
    occasion = Occasion(clock.now(), ENVIRON, "host-1")
    posts = {name: json.loads(post_of(channel, "msg_1", message, occasion, {"alertname": "RetunedFailed"}).body)
             for name, channel in CHANNELS.items() if name != "email"}  # fmt: skip
    mail = mail_of(CHANNELS["email"], "msg_1", message, occasion)
    return message, posts, email.message_from_bytes(mail.as_bytes(), policy=SMTP)


def texts_of(value):
    """Every text in a form."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_of(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts_of(each)]
    return [value] if isinstance(value, str) else []


def test_nothing_in_any_form_acts_on_a_terminal_or_hides(hostile):
    message, posts, mail = hostile
    bodies = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    texts = [*texts_of(posts), *texts_of(dict(apprise_form(message))), *bodies, mail["subject"]]
    assert [text for text in texts if ACTS.search(text.replace("\r\n", "\n"))] == []


def test_slack_shows_it_as_plain_text_and_mentions_nobody(hostile):
    _, posts, _ = hostile
    blocks = posts["slack"]["blocks"]
    marked = [block["text"]["text"] for block in blocks if block.get("text", {}).get("type") == "mrkdwn"]
    assert [text for text in (*marked, posts["slack"]["text"]) if re.search("<[!@#h]", text)] == []
    kinds = [block["text"]["type"] for block in blocks if "text" in block]
    assert kinds.count("mrkdwn") == 1  # the commands alone


def test_teams_shows_it_in_runs_of_text_which_have_no_markdown(hostile):
    _, posts, _ = hostile
    body = posts["teams"]["attachments"][0]["content"]["body"]
    assert {block["type"] for block in body} == {"RichTextBlock"}
    assert {run["type"] for block in body for run in block["inlines"]} == {"TextRun"}


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.names |= {name for name, _ in attributes}


def test_a_mail_has_no_further_header_tag_or_link_by_it(hostile):
    _, _, mail = hostile
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type"
    }  # fmt: skip
    assert (mail["to"], mail["from"]) == ("a@example.org", "retuned <r@example.org>")
    page = Tags(mail.get_body(("html",)).get_content())
    assert page.tags <= {"html", "head", "meta", "body", "h2", "p", "table", "tr", "th", "td", "pre"}
    assert [name for name in page.names if name.startswith("on")] == []
