"""Every event in every channel: as recorded, and within the channel's published limits whatever a message holds.

To record them anew after a change that is meant: RECORD_FORMS=1 pytest tests/strategies/alerting/test_forms.py
"""

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.strategies.alerting.digest import Judged, OwnersPart, Upcoming, digest_message
from retuned.strategies.alerting.forms.alertmanager import alertmanager_form, alertmanager_labels
from retuned.strategies.alerting.forms.apprise import apprise_form
from retuned.strategies.alerting.forms.mail import mail_form
from retuned.strategies.alerting.forms.pagerduty import dedup_key, pagerduty_form, path_of
from retuned.strategies.alerting.forms.shorten import SHORTENED, lines_that_fit, shortened, utf16_length
from retuned.strategies.alerting.forms.slack import slack_form
from retuned.strategies.alerting.forms.teams import teams_form
from retuned.strategies.alerting.forms.webhook import webhook_form
from retuned.strategies.alerting.life_cycle import opened
from retuned.strategies.alerting.message import AlertMessage, Event, Kind, Severity
from retuned.strategies.alerting.sample import sample_message
from retuned.strategies.alerting.shared_changes import SharedChange, change_message
from retuned.strategies.alerting.texts import Standing, message_for

RECORDED = Path(__file__).parent / "forms.json"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE = AlertMessage(
    id="msg_4f1c_17", event=Event.OPENED, kind=Kind.STALE, severity=Severity.WARNING, key="rides/stale/data",
    title="rides is stale: 5.2% of its skill is lost", owner="ann@example.org", at=NOW,
    sentences=("Newer settings beat the current ones by 0.31 RMSE & more.", "Why: the data changed <since 2011>."),
    opened_at=NOW - timedelta(days=2), model="rides", campaign_id=17, others=2, tags=("eu",),
    facts=(("Loses", "0.31 RMSE, at least"), ("How sure", "80:1")),
    commands=("retuned adopt rides", "retuned snooze rides --for 14d --reason '...'"),
    link="https://retuned.example.org/reports/17?x=1&y=2", is_tonight=False, details={"pairs": 12},
)  # fmt: skip
FORMS = {
    "webhook": webhook_form,
    "slack": slack_form,
    "teams": teams_form,
    "email": lambda message: {
        name: getattr(mail_form(message), name) for name in ("subject", "text", "html", "thread")
    },
    "pagerduty": lambda message: {"path": path_of(message), **pagerduty_form(message, "KEY", "host-1")},
    "alertmanager": lambda message: alertmanager_form(
        message, alertmanager_labels(message), NOW + timedelta(minutes=3)
    ),
    "apprise": apprise_form,
}
STANDING = Standing(
    7, MESSAGE, opened(MESSAGE.opened_at), "anna", "the data team looks at it", "new settings were adopted"
)
PART = OwnersPart(
    "ann@example.org", (Judged("rides", 17, "stale", "lr is too high."), Judged("fares", 18, "fresh")),
    ("rides is stale (alert 7, open)",), (Upcoming("rides", NOW + timedelta(days=30)),),
    ("rides: re-tuning has earned 0.31 RMSE (+1.9%) in 14 months for 31 compute hours.",),
)  # fmt: skip
OF_NO_ALERT = {
    Event.CHANGED: replace(MESSAGE, event=Event.CHANGED, title="rides: new settings were adopted"),
    Event.ADOPTED: replace(MESSAGE, event=Event.ADOPTED, title="rides: settings v2 are current now"),
    Event.DUE: change_message(
        SharedChange("ann@example.org", "GPU A100 -> H100", NOW, ("rides", "fares"), (17, 18)), id="msg_e",
        place="host host-1, state folder /s", tags=("eu",),
    ),
    Event.DIGEST: digest_message(PART, NOW - timedelta(days=7), NOW, id="msg_d", place="host host-1, state folder /s"),
    Event.SAMPLE: sample_message("ops", "host-1", "msg_s", NOW),
}  # fmt: skip
CASES = [(channel, event) for channel in FORMS for event in Event]


def message_of(event):
    """The message as it is written for that reason to send one."""
    if event in OF_NO_ALERT:
        return OF_NO_ALERT[event]
    return message_for(event, [STANDING], id="msg_4f1c_17", key=MESSAGE.key, change="", others=0, at=NOW)


@pytest.fixture(scope="module")
def recorded():
    made = {channel: {event.value: form(message_of(event)) for event in Event} for channel, form in FORMS.items()}
    if os.environ.get("RECORD_FORMS"):
        RECORDED.write_text(json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return json.loads(RECORDED.read_text())


@pytest.mark.parametrize(("channel", "event"), CASES)
def test_a_form_is_as_recorded(recorded, channel, event):
    made = FORMS[channel](message_of(event))
    assert json.loads(json.dumps(made)) == recorded[channel][event.value]


TEXT = st.one_of(
    st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=60),
    st.builds(
        lambda text, count: (text + " ") * count,
        st.text("ab&<>`*_é\U0001f600", min_size=1, max_size=30),
        st.integers(1, 900),
    ),
    st.integers(1, 6000).map(lambda count: "x" * count),
    st.integers(1, 4000).map(lambda count: "https://example.org/" + "p" * count),
)  # fmt: skip
MESSAGES = st.builds(
    AlertMessage, id=st.just("msg_1"), event=st.sampled_from(Event), kind=st.sampled_from(Kind),
    severity=st.sampled_from(Severity), key=st.text(max_size=400), title=TEXT,
    sentences=st.lists(TEXT, max_size=6).map(tuple),
    owner=TEXT, at=st.just(NOW), opened_at=st.just(NOW), model=st.none() | TEXT, campaign_id=st.none() | st.just(7),
    others=st.integers(0, 20), facts=st.lists(st.tuples(TEXT, TEXT), max_size=15).map(tuple),
    commands=st.lists(TEXT, max_size=15).map(tuple),
    link=st.none() | st.integers(1, 4000).map(lambda count: "https://example.org/" + "q" * count),
)  # fmt: skip
some = settings(max_examples=20, deadline=None)


def texts_of(value):
    """Every text in a piece of JSON."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in texts_of(part)]


def links_in(value):
    return {word for text in texts_of(value) for word in re.findall(r"https://example\.org/[pq]+", text)}


def links_of(message):
    return links_in(json.loads(json.dumps(message.to_json())))


def slack_texts(blocks, kind):
    return [block for block in blocks if block["type"] == kind]


@some
@given(MESSAGES)
def test_slack_gets_what_block_kit_allows(message):
    form = slack_form(message)
    blocks = form["blocks"]
    assert len(blocks) <= 50
    assert {block["type"] for block in blocks} <= {"header", "section", "actions", "context"}
    (header,) = slack_texts(blocks, "header")
    assert header["text"]["type"] == "plain_text"
    assert 1 <= utf16_length(header["text"]["text"]) <= 150
    sections = slack_texts(blocks, "section")
    assert all(utf16_length(section["text"]["text"]) <= 3000 for section in sections if "text" in section)
    assert all(1 <= len(section["fields"]) <= 10 for section in sections if "fields" in section)
    assert all(utf16_length(each["text"]) <= 2000 for section in sections for each in section.get("fields", ()))
    buttons = [button for actions in slack_texts(blocks, "actions") for button in actions["elements"]]
    assert all(len(button["url"]) <= 3000 and len(button["text"]["text"]) <= 75 for button in buttons)
    assert all("action_id" not in button and button["type"] == "button" for button in buttons)
    assert form["text"].strip()
    assert sum(utf16_length(text) for text in texts_of(form)) <= 13_200
    assert links_in(form) <= links_of(message)


@some
@given(MESSAGES)
def test_teams_gets_a_card_in_a_message_of_at_most_28_kb(message):
    form = teams_form(message)
    assert len(json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()) <= 28_000
    assert form["type"] == "message"
    (attachment,) = form["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.5")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert all(run["type"] == "TextRun" and isinstance(run["text"], str) for run in runs)
    assert {run.get("color") for run in runs} <= {None, "Good", "Attention", "Warning", "Accent"}
    assert [action["type"] for action in card.get("actions", ())] in ([], ["Action.OpenUrl"])
    assert links_in(form) <= links_of(message)


@some
@given(MESSAGES)
def test_pagerduty_gets_an_event_of_version_2(message):
    form = pagerduty_form(message, "KEY", "host")
    is_change = path_of(message) == "/v2/change/enqueue"
    assert is_change is (message.event in (Event.CHANGED, Event.ADOPTED, Event.DUE, Event.DIGEST))
    assert is_change is ("event_action" not in form)
    assert is_change is ("dedup_key" not in form)
    assert 1 <= len(form["payload"]["summary"]) <= 1024
    assert form.get("event_action", "trigger") in ("trigger", "acknowledge", "resolve")
    assert 1 <= len(form.get("dedup_key", "k")) <= 255
    assert form["payload"].get("severity", "info") in ("critical", "error", "warning", "info")
    assert len(json.dumps(form).encode()) <= 512 * 1024
    assert links_in(form) <= links_of(message)


@some
@given(MESSAGES)
def test_alertmanager_gets_postable_alerts(message):
    form = alertmanager_form(message, alertmanager_labels(message), NOW + timedelta(minutes=3))
    assert set(form) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) and value for name, value in form["labels"].items())
    assert all(isinstance(value, str) and value for value in form["annotations"].values())
    assert datetime.fromisoformat(form["startsAt"]) <= datetime.fromisoformat(form["endsAt"])
    assert form["labels"]["alertname"].startswith("Retuned")
    assert links_in(form) <= links_of(message)


@some
@given(MESSAGES)
def test_mail_has_one_line_of_subject_and_nothing_of_its_text_acts_in_html(message):
    form = mail_form(replace(message, title=message.title + "<script>"))
    assert 1 <= len(form.subject) <= 200
    assert len(form.subject.splitlines()) == 1
    assert "<script" not in form.html
    assert "src=" not in form.html.replace(message.title, "")
    assert links_in(form.html) <= links_of(message)


def test_keys_that_begin_alike_and_are_long_stay_apart():
    keys = [dedup_key("k" * 400 + tail) for tail in ("a", "b")]
    assert keys[0] != keys[1]
    assert max(map(len, keys)) <= 255


CUTS = [
    ("short", 100, "short"),
    # whole words stay, and a word says that more was there
    ("one two three four five six seven eight nine ten", 30, "one two three four ..."),
    # an address is kept or left out, never halved
    ("see https://example.org/a/very/long/path/to/something", 30, "see ..."),
    ("https://example.org/a/very/long/path/to/something", 30, "..."),
    # no character is halved where two units make one
    ("\U0001f600" * 30, 20, "\U0001f600" * 8 + " ..."),
]


@pytest.mark.parametrize(("text", "most", "cut"), CUTS)
def test_a_long_text_is_cut_between_words(text, most, cut):
    assert shortened(text, most, note="...")[: len(cut) - 4] == cut[: len(cut) - 4]
    assert utf16_length(shortened(text, most, note="...")) <= most
    assert shortened(text, most, note="...").endswith(cut[-3:])


def test_commands_stay_whole_and_those_that_are_left_out_are_counted():
    commands = ("retuned adopt a", "retuned adopt b", "retuned adopt c")
    assert lines_that_fit(commands, 1000) == commands
    assert lines_that_fit(commands, 45) == ("retuned adopt a", "(2 more: retuned alerts)")
    assert SHORTENED.endswith("retuned alerts)")
