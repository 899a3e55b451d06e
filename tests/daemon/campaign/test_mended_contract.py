"""A contract that was broken at the baseline, and what its owner mends afterwards."""

import json
import sys

from retuned.daemon.cli.next_commands import next_commands
from retuned.strategies.records import Outcome
from retuned.strategies.verdict.contract import Breach
from retuned.strategies.verdict.verdict_records import Reason

SCRIPT = """\
import json, os, random, sys
lr, seed = float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "0"
rows = os.environ["RETUNED_SPLIT_SEED"], os.environ["RETUNED_PURPOSE"] in ("replicate", "confirm")
score = -((lr - 0.01) ** 2) + random.Random(f"{seed} {rows}").gauss(0, 0.1) + random.Random(f"{rows}").gauss(0, 0.1)
print(json.dumps({"step": 10, "metrics": {"score": score}}))
"""
ROWS_ALONE = SCRIPT.replace('f"{seed} {rows}"', '"always"')


def command(script, *words):
    argv = json.dumps([sys.executable, "-I", "-S", str(script), "{lr}", *words])
    return f'command = {argv}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2'


def test_a_seed_that_the_command_hands_over_at_last_is_tested_without_a_new_baseline(desk):
    script = desk.folder / "train.py"
    script.write_text(SCRIPT)
    desk.register(training=command(script))
    baseline = desk.baseline()
    assert baseline.facts.contract.breaches == (Breach.SEED_IGNORED,)
    desk.register(training=command(script, "{seed}"))
    campaign = desk.retune(seed=1)
    assert campaign.facts.contract.breaches == ()
    assert campaign.verdict.reason != Reason.SEED_IGNORED


def test_while_nothing_is_changed_the_broken_contract_ends_a_campaign_at_once_and_says_what_to_do(desk):
    script = desk.folder / "train.py"
    script.write_text(ROWS_ALONE)
    desk.register(training=command(script))
    baseline = desk.baseline()
    campaign = desk.retune(seed=1)
    assert (campaign.verdict.outcome, campaign.verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SEED_IGNORED)
    assert "have retuned cut the data ([data.split])" in baseline.facts.contract.covered
    mended = ["retuned check toy", "retuned baseline toy"]
    assert [line for line, _ in next_commands(baseline)] == mended
    assert [line for line, _ in next_commands(campaign)][:2] == mended
