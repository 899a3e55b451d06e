"""Every event's payload, strictly: no key and no value that the service at the other end does not document.

Slack's own Python package judges the blocks, a real Alertmanager the alerts, and schemas written here from the
documentation the rest (PagerDuty "Events API v2", "Change events", Alertmanager `postableAlert`, Adaptive Cards 1.5).
The published schemas, which allow more, are in test_published_schemas.py. PagerDuty's events-v2/openapiv3.json was held
against EVENT by hand: it has these properties, of these types, and the lengths are from the documentation's text.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import requests
from slack_sdk.models.blocks import Block

RECORDED = json.loads((Path(__file__).parent / "forms.json").read_text())
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
ADDRESS = {"type": "string", "pattern": "^https?://[^ ]+$"}


def only(required, **properties):
    """An object with these keys and no other; `required`: those that it must have."""
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


def text(most=None, least=1):
    return {"type": "string", "minLength": least, **({} if most is None else {"maxLength": most})}


LINKS = {"type": "array", "items": only("href", href=ADDRESS, text=text())}
EVENT = only(
    "routing_key event_action dedup_key payload",
    routing_key=text(), event_action={"enum": ["trigger", "acknowledge", "resolve"]}, dedup_key=text(255),
    client=text(), client_url=ADDRESS, links=LINKS,
    payload=only(
        "summary source severity", summary=text(1024), source=text(), timestamp=MOMENT, component=text(), group=text(),
        severity={"enum": ["critical", "error", "warning", "info"]}, custom_details={"type": "object"},
        **{"class": text()},
    ),
)  # fmt: skip
CHANGE = only(
    "routing_key payload", routing_key=text(), links=LINKS,
    payload=only("summary", summary=text(1024), source=text(), timestamp=MOMENT, custom_details={"type": "object"}),
)  # fmt: skip
NAMES = {"type": "object", "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}, "minProperties": 1,
         "additionalProperties": text()}  # fmt: skip
ALERT = only("labels", labels={**NAMES, "required": ["alertname"]}, annotations=NAMES, startsAt=MOMENT, endsAt=MOMENT,
             generatorURL=ADDRESS)  # fmt: skip
RUN = only(
    "type text", type={"const": "TextRun"}, text=text(least=0), weight={"enum": ["Lighter", "Default", "Bolder"]},
    size={"enum": ["Default", "Small", "Medium", "Large", "ExtraLarge"]}, isSubtle={"type": "boolean"},
    color={"enum": ["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"]},
    fontType={"enum": ["Default", "Monospace"]},
)  # fmt: skip
BLOCK = only("type inlines", type={"const": "RichTextBlock"}, inlines={"type": "array", "items": RUN, "minItems": 1})
OPEN = only("type url", type={"const": "Action.OpenUrl"}, title=text(), url=ADDRESS)
CARD = only(
    "type version body", type={"const": "AdaptiveCard"}, version={"const": "1.5"}, **{"$schema": ADDRESS},
    body={"type": "array", "items": BLOCK, "minItems": 1}, actions={"type": "array", "items": OPEN},
    msteams=only("width", width={"const": "Full"}),
)  # fmt: skip
TEAMS = only(
    "type attachments", type={"const": "message"},
    attachments={"type": "array", "minItems": 1, "maxItems": 1, "items": only(
        "contentType content", contentType={"const": "application/vnd.microsoft.card.adaptive"},
        contentUrl={"type": "null"}, content=CARD)},
)  # fmt: skip
STRICT = [
    *((event, "teams", TEAMS) for event in RECORDED["teams"]),
    *((event, "alertmanager", ALERT) for event in RECORDED["alertmanager"]),
    *(
        (event, "pagerduty", CHANGE if event in ("changed", "adopted", "due", "digest") else EVENT)
        for event in RECORDED["pagerduty"]
    ),
]


@pytest.mark.parametrize(("event", "channel", "schema"), STRICT)
def test_a_payload_has_nothing_that_is_not_documented(event, channel, schema):
    form = {key: value for key, value in RECORDED[channel][event].items() if key != "path"}
    jsonschema.Draft202012Validator(schema).validate(form)


@pytest.mark.parametrize("event", RECORDED["slack"])
def test_slacks_own_package_finds_no_fault_in_the_blocks(event):
    blocks = RECORDED["slack"][event]["blocks"]
    parsed = Block.parse_all(blocks)
    for block in parsed:
        block.validate_json()
    assert [block.to_dict()["type"] for block in parsed] == [block["type"] for block in blocks]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    """The address of a real Alertmanager; skips loudly where it is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        told = "NOT TESTED: alerts in a real Alertmanager; it is not installed (Debian: prometheus-alertmanager)"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "config.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    words = (f"--config.file={folder}/config.yml", f"--storage.path={folder}/data", f"--web.listen-address={place}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *words, "--cluster.listen-address="], stdout=log, stderr=log)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and not answers(f"http://{place}/-/ready"):
        time.sleep(0.1)
    yield f"http://{place}/api/v2/alerts"
    process.kill()
    process.wait()


def answers(address):
    try:
        return requests.get(address, timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_real_alertmanager_takes_every_event_and_knows_what_is_open(alertmanager):
    now = datetime.now(UTC)
    sent = {event: requests.post(alertmanager, json=[form], timeout=30).status_code
            for event, form in RECORDED["alertmanager"].items()}  # fmt: skip
    assert set(sent.values()) == {200}
    form = RECORDED["alertmanager"]["opened"] | {"startsAt": now.isoformat()}
    requests.post(alertmanager, json=[form | {"endsAt": (now + timedelta(minutes=3)).isoformat()}], timeout=30)
    assert [alert["labels"] for alert in requests.get(alertmanager, timeout=30).json()] == [form["labels"]]
    requests.post(alertmanager, json=[form | {"endsAt": now.isoformat()}], timeout=30)
    assert requests.get(alertmanager, timeout=30).json() == []
