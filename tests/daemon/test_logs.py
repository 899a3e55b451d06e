"""The log: every event of the source is in the table, and a JSON line can be read by a machine."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from retuned.daemon.logs import EVENTS

SOURCE = Path(__file__).parents[2] / "daemon"
CALLS = frozenset({"log.info", "log.warning", "log.error", "log.exception", "write"})
LOG = """
import structlog
from retuned.daemon.logs import configure
configure({form!r})
log = structlog.get_logger("retuned")
log.info("campaign_started", campaign=7, gets="two lines\\nof it")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("tick_step_failed", step="queue")
"""


def events_of(tree):
    """The events that the calls in a module name, as a constant or as the local choice between two."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS]
    chosen = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "event"
    ]
    named = [
        *(call.args[0] for call in calls if call.args),
        *(branch for choice in chosen for branch in (choice.body, choice.orelse)),
    ]
    return {node.value for node in named if isinstance(node, ast.Constant)}


def test_the_table_holds_every_event_that_the_source_writes_and_no_other():
    written = set().union(*(events_of(ast.parse(file.read_text())) for file in SOURCE.rglob("*.py")))
    assert written == EVENTS.keys()


def logged(form):
    command = [sys.executable, "-c", LOG.format(form=form)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr


def test_each_event_is_one_line_of_json_trace_included():
    started, failed = (json.loads(line) for line in logged("json").splitlines())
    assert (started["event"], started["level"], started["campaign"]) == ("campaign_started", "info", 7)
    assert started["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in failed["exception"]


@pytest.mark.parametrize("part", ["campaign_started", "campaign=7", "ZeroDivisionError: division by zero"])
def test_people_read_events_with_their_fields_and_plain_traces(part):
    assert part in logged("console")


EVIL_LOG = """
import structlog
from retuned.daemon.logs import configure
configure({form!r})
log = structlog.get_logger("retuned")
log.info("campaign_ended", failure="\\x1b[2J\\u202e\\n2026 [info] forged", url="postgres://svc:Tr0ub4dor@db")
try:
    raise ValueError("\\x1b[2J password=Tr0ub4dor")
except ValueError:
    log.exception("tick_step_failed", step="queue")
"""


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_log_holds_nothing_that_acts_on_a_terminal_and_no_secret(form):
    command = [sys.executable, "-c", EVIL_LOG.format(form=form)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    assert [ch for ch in "\x1b\u202e" if ch in said] == []
    assert "Tr0ub4dor" not in said
    assert "svc:***@db" in said
    assert not any(line.startswith("2026 [info] forged") for line in said.splitlines())


def test_json_of_a_log_is_exact():
    command = [sys.executable, "-c", EVIL_LOG.format(form="json")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    assert json.loads(said.splitlines()[0])["failure"] == "\x1b[2J\u202e\n2026 [info] forged"


@pytest.mark.parametrize("target", ["/dev/full", "a reader that has gone"])
def test_a_service_outlives_a_log_that_cannot_be_written(target):
    script = LOG.format(form="console") + "\nprint('goes on')"
    command = f'"{sys.executable}" -c "$SCRIPT" 2>/dev/full'
    if target != "/dev/full":
        command = f'{{ "{sys.executable}" -c "$SCRIPT" 2>&1 1>&3 | true; }} 3>&1'
    done = subprocess.run(["sh", "-c", command], capture_output=True, env={**os.environ, "SCRIPT": script}, timeout=60)
    assert done.stdout == b"goes on\n"
