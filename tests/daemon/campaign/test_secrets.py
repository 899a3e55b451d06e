"""A secret that a training or a prepare command writes: in no record, no file of the state folder, nothing shown."""

import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.alert_raising import raise_alert
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.faults import note_fault, recent_faults
from retuned.daemon.training.snapshot import as_told
from retuned.strategies.verdict.notice import Notice

CANARY = "Tr0ub4dor"
TOKEN = "ghp_Tr0ub4dor0123456789abcdef"
ADDRESS = f"postgres://svc:{CANARY}@db/rides"
ENVIRON = {**os.environ, "DB_KEY": "canary-value-4711", "DB_FLAG": "1"}
OWN_FILES = frozenset({"output.log", "report.jsonl", "checkpoint"})  # of the training

# what a training writes: to where, what, and how it ends
WRITES = [
    ("stderr", f"cannot connect to {ADDRESS}", 1),
    ("stderr", f"{'x' * 2000} {ADDRESS} {'y' * 280}", 1),  # the line is told from its middle on
    ("stdout", f"token {TOKEN}", 1),
    ("stderr", "DB_KEY=canary-value-4711 is wrong", 1),
    ("stderr", "tried canary-value-4711", 1),  # by its value
    ("stdout", json.dumps({"step": 1, "metrics": {f"password={CANARY}": 1}}), 0),  # the name of a metric
    ("stdout", json.dumps({"step": 1, "metrics": {"score": f"{'x' * 60} {ADDRESS}"}}), 0),  # a malformed report
    ("stdout", f"{ADDRESS} " + json.dumps({"step": 1, "metrics": {"score": 1}}), 0),  # a near miss
    ("report", f"{{'url': '{ADDRESS}', 'x': 'canary-value-4711'}}", 0),  # a line that is no report
    ("report", json.dumps({"step": f"{'x' * 70}{TOKEN}", "metrics": {"score": 1}}), 0),
]
SCRIPT = """
import os, sys
to, text, code = {write!r}
if to == "report":
    open(os.environ["RETUNED_REPORT"], "w").write(text + "\\n")
else:
    print(text, file=getattr(sys, to))
sys.exit(code)
"""


def assert_is_nowhere(desk):
    """In no file that is not the training's own, and in no text of the database."""
    for secret in (CANARY, "canary-value-4711", "x" * 60 + " postgres://svc:T"):
        for path in desk.config.state.rglob("*"):
            if path.is_file() and path.name not in OWN_FILES:
                assert secret.encode() not in path.read_bytes(), path
        dump = "\n".join(sqlite3.connect(desk.config.state / "retuned.sqlite3").iterdump())
        assert secret not in dump


@pytest.mark.parametrize("write", WRITES)
def test_a_secret_that_a_training_writes_is_in_no_record(desk, write):
    (desk.folder / "train.py").write_text(SCRIPT.format(write=write))
    table = desk.training_table(desk.folder / "train.py")
    model = desk.register(training=f'{table}\npass_env = ["DB_KEY", "DB_FLAG"]')
    campaign = desk.run(open_campaigns(desk.store)[0], ENVIRON)
    assert campaign.phase == "failed"
    assert results_of(desk.store, campaign.id) != ()
    now = campaign.ended_at
    note_fault(desk.store, "campaign", f"failed: {campaign.failure}; {ADDRESS}", now)
    notice = Notice("failed", (f"{campaign.failure}", f"see {ADDRESS}"), "alert", ())
    with desk.store.transaction():
        raise_alert(desk.store, model, campaign, notice, {}, desk.config, now)
    assert_is_nowhere(desk)
    shown = repr((campaign, recent_faults(desk.store), list_alerts(desk.store)))
    assert CANARY not in shown
    assert "***" in shown


PREPARES = [
    f"cannot connect to {ADDRESS}",
    "bad canary-value-4711",
    f"{'x' * 290} {ADDRESS}{'y' * 200}",
    f"Bearer {TOKEN}",
]


@pytest.mark.parametrize("says", PREPARES)
def test_a_secret_that_a_prepare_command_writes_is_in_no_record(desk, says):
    prepare = json.dumps([sys.executable, "-c", f"import sys; sys.exit({says!r})"])
    table = desk.training_table(Path(__file__).parents[2] / "toys" / "quadratic.py")
    desk.register(training=f'{table}\npass_env = ["DB_KEY"]', data=f'path = "data.json"\nprepare = {prepare}')
    campaign = desk.run(open_campaigns(desk.store)[0], ENVIRON)
    assert campaign.phase == "failed"
    assert "***" in campaign.failure
    assert CANARY not in campaign.failure
    assert "canary-value-4711" not in campaign.failure


def test_a_secret_in_a_fingerprint_is_masked_and_its_change_is_seen(desk):
    fingerprint = json.dumps([sys.executable, "-c", f"print('rows 5, token={CANARY}')"])
    desk.register(triggers=f"fingerprint = {fingerprint}")
    told = desk.run(open_campaigns(desk.store)[0], ENVIRON).facts.prepared.told
    assert told == as_told(f"rows 5, token={CANARY}")
    assert told.startswith("rows 5, token=*** (#")
    assert told != as_told("rows 5, token=another-one")
    assert as_told(told) == told
    assert as_told("rows 5") == "rows 5"
