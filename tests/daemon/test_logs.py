"""The log: every event of the source is in the table, and a JSON line can be read by a machine."""

import ast
import json
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
