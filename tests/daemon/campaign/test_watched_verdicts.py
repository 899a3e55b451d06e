"""Critical and watch: evidence far beyond the bar, and evidence short of it, as tables and programs show them."""

import json
from dataclasses import replace

import pytest
from retuned.daemon.cli.cli import app
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.strategies.records import Outcome
from typer.testing import CliRunner

COMMANDS = (["models"], ["history", "toy"], ["drift", "toy"])


def rewritten(desk, **changes):
    """The desk with the last verdict changed."""
    verdict = replace(find_campaign(desk.store, 3).verdict, **changes)
    with desk.store.transaction():
        desk.store.change("UPDATE campaigns SET verdict = ? WHERE id = 3", (json.dumps(verdict.to_json()),))
    return desk


def shown(desk, *words):
    return CliRunner().invoke(app, ["--state", str(desk.config.state), *words]).stdout


@pytest.mark.parametrize("words", COMMANDS)
def test_evidence_short_of_a_verdict_is_shown_as_watch(judged_copy, words):
    assert "INCONCLUSIVE, watch" in shown(rewritten(judged_copy, outcome=Outcome.INCONCLUSIVE, e_value=20.0), *words)


@pytest.mark.parametrize("words", COMMANDS)
def test_ten_times_the_evidence_is_shown_as_critical(judged_copy, words):
    assert "STALE, critical" in shown(rewritten(judged_copy, e_value=1600.0), *words)


UNMARKED = [
    {"e_value": 1599.0},  # STALE says it all
    {"outcome": Outcome.INCONCLUSIVE, "e_value": 19.9},
    {"outcome": Outcome.BROKEN, "e_value": 50.0},  # raises an alert already
    {"outcome": Outcome.INCONCLUSIVE, "e_value": 50.0, "is_covered": False},  # evidence of a broken contract is none
]


@pytest.mark.parametrize("changes", UNMARKED)
def test_nothing_else_is_marked(judged_copy, changes):
    said = json.loads(shown(rewritten(judged_copy, **changes), "models", "--json"))
    assert (said[0]["is_critical"], said[0]["watch"]) == (False, False)
