"""A contract that was broken at the baseline, and what its owner mends afterwards."""

import json
import os
import sys

from retuned.daemon.campaign.look import look_at
from retuned.daemon.campaign.seen_parts import SharedReads
from retuned.daemon.cli.next_commands import next_commands
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.models.registry import find_model
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
IMPORTING = """\
import json, os, sys
import draws
rows = os.environ["RETUNED_SPLIT_SEED"], os.environ["RETUNED_PURPOSE"] in ("replicate", "confirm")
score = -((float(sys.argv[1]) - 0.01) ** 2) + draws.noise(sys.argv[2], rows)
print(json.dumps({"step": 10, "metrics": {"score": score}}))
"""
FIXED_NOISE = """\
import random
def noise(seed, rows):
    return random.Random(f"{rows}").gauss(0, 0.1)
"""
NOISE = FIXED_NOISE.replace("return", 'return random.Random(f"{seed} {rows}").gauss(0, 0.1) +')


def command(script, *words, options=("-I", "-S")):
    argv = json.dumps([sys.executable, *options, str(script), "{lr}", *words])
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


def test_a_module_that_the_script_imports_is_code_so_mending_it_is_seen_told_and_tested(desk):
    script, draws = desk.folder / "train.py", desk.folder / "draws.py"
    script.write_text(IMPORTING)
    draws.write_text(FIXED_NOISE)
    desk.register(training=command(script, "{seed}", options=("-B", "-S")))
    assert desk.baseline().facts.contract.breaches == (Breach.SEED_IGNORED,)
    assert seen_code(desk) == "unchanged"
    draws.write_text(NOISE)
    assert seen_code(desk) == "draws.py changed"
    campaign = desk.retune(seed=1)
    assert campaign.facts.contract.breaches == ()
    assert campaign.facts.prepared.changes == ("the training code changed",)


def seen_code(desk):
    looked = look_at(desk.store, find_model(desk.store, "toy"), desk.config, SystemClock(), SharedReads(os.environ))
    return next(part.words for part in looked.parts if part.part == "code")
