"""Campaigns that a panda searches: real workers, a path that is confirmed and adopted, wishes, and SIGKILL in a day."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.reports.campaign_record import record_of
from retuned.daemon.reports.page import page_of, render_page
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign
from retuned.daemon.state.campaigns.lease_file import folder_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.models.adoption import make_current, proposal
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.errors import ConflictError, InputError
from retuned.strategies.records import plain

RECIPE = Path(__file__).parents[2] / "toys" / "line_recipe.py"
DESCENT = RECIPE.with_name("descent.py")
TABLES = {
    "training": f'recipe = "{RECIPE}:Line"\nbudget = {{steps = 200}}\ntimeout = "60s"\nslots = 1\nthreads = 1',
    "objective": 'metric = "loss"\ndirection = "minimize"',
    "hyperparameters.lr": 'type = "float"\nlow = 1e-6\nhigh = 10.0\nlog = true\nvalue = 0.00001',
    "search": 'strategy = "panda"\nmax_pairs = 8\nchallengers = 4',
    "settings": 'file = "live.json"',
}


@pytest.fixture(scope="module")
def raised(new_desk, tmp_path_factory):
    """A desk whose line was trained by a panda from a rate that is far too low. Only to be read."""
    desk = new_desk(tmp_path_factory.mktemp("raised"))
    desk.register(**TABLES)
    desk.baseline()
    return desk, desk.retune(seed=5)


def test_a_panda_rescues_a_rate_that_is_far_too_low_and_its_path_is_confirmed(raised):
    _, campaign = raised
    assert campaign.facts.chosen.strategy == "panda"
    assert campaign.facts.chosen.choice.startswith("panda: 1 babysat run; one run takes ")
    assert campaign.verdict.outcome == "stale"
    path = campaign.facts.ended.recommended["lr"]
    assert path[0][0] == 0.0
    assert max(rate for _, rate in path) > 0.001
    assert campaign.facts.panda.nudges[0].sentence.startswith("day 0: 10 probes from lr 3.16e-06 to 0.1: lr 1e-05 -> ")


def test_probes_and_days_together_cost_no_more_than_one_run(raised):
    desk, campaign = raised
    legs = [leg.request for leg in results_of(desk.store, campaign.id) if ".d0" in leg.request.name]
    assert sum(leg.to_step - leg.from_step for leg in legs) <= 200
    assert len(campaign.facts.panda.day_ends) >= 12


def test_the_path_is_adopted_written_shown_and_taken_up_by_the_next_search(raised, new_desk, tmp_path):
    desk, campaign = raised
    shutil.copytree(desk.folder, tmp_path / "copy")
    copied = new_desk(tmp_path / "copy")
    model = make_current(copied.store, proposal(copied.store, "toy", campaign.id), SystemClock().now())
    assert isinstance(model.configuration["lr"], tuple)
    written = json.loads((desk.folder / "live.json").read_text())
    assert written["lr"] == plain(campaign.facts.ended.recommended)["lr"]
    assert Verbs(copied.store, Config(state=copied.store.state), SystemClock()).show("toy").model.configuration["lr"]
    words = [sys.executable, "-m", "retuned.daemon", "--state", str(copied.store.state)]
    shown = subprocess.run([*words, "show", "toy"], capture_output=True, text=True, check=True).stdout
    assert "lr              [0: " in shown
    again = subprocess.run(
        [*words, "retune", "toy", "--strategy", "caviar", "--seed", "9", "--json"], capture_output=True, text=True
    )
    assert json.loads(again.stdout)["verdict"]["outcome"] in ("fresh", "degraded", "inconclusive", "stale")


def test_the_page_draws_the_path(raised):
    desk, campaign = raised
    page = render_page(page_of(record_of(desk.store, str(campaign.id))))
    assert "panda-plot" in page
    assert "day 0: 10 probes" in page


def test_a_budget_without_room_for_pairs_ends_undecided_and_goes_on_later(new_desk, tmp_path):
    desk = new_desk(tmp_path)
    desk.register(**TABLES)
    baseline = desk.baseline()
    per_run = baseline.facts.ended.compute_s / baseline.facts.ended.runs
    campaign = desk.retune(seed=5, budget_s=1.2 * per_run)
    assert (campaign.verdict.outcome, campaign.verdict.reason) == ("inconclusive", "budget_spent")
    assert campaign.facts.searched.challenger["lr"][0][0] == 0.0
    assert "continue later with retuned confirm" in campaign.facts.chosen.choice
    verbs = Verbs(desk.store, desk.config, SystemClock())
    ended = desk.run(verbs.confirm("toy", 8))
    assert ended.verdict.outcome == "stale"
    assert ended.facts.searched.challenger == campaign.facts.searched.challenger


def test_a_command_that_honours_checkpoints_can_be_babysat_and_its_path_is_replayed_leg_by_leg(new_desk, tmp_path):
    desk = new_desk(tmp_path)
    table = desk.training_table(DESCENT).replace("steps = 10", "steps = 100") + "\nresumable = true"
    rate = 'type = "float"\nlow = 1e-5\nhigh = 10.0\nlog = true\nvalue = 0.001'
    desk.register(training=table, search='strategy = "panda"\nday = 20', **{"hyperparameters.lr": rate})
    desk.baseline()
    campaign = desk.retune(seed=3)
    assert campaign.verdict.outcome == "stale"
    assert max(value for _, value in campaign.facts.ended.recommended["lr"]) > 0.01
    days = [day_end.day for day_end in campaign.facts.panda.day_ends]
    assert len(days) <= 5
    pairs = [leg for leg in results_of(desk.store, campaign.id) if leg.request.name == "confirm.c000"]
    assert len(pairs[0].curve) == len(campaign.facts.searched.challenger["lr"])


def test_a_spike_in_a_recipe_is_gone_back_on_and_its_batches_are_left_out(new_desk, tmp_path):
    desk = new_desk(tmp_path)
    alone = TABLES["training"].replace(":Line", ":Spiky")
    desk.register(**{**TABLES, "training": alone})
    desk.baseline()
    campaign = desk.retune(seed=5)
    spiked = [nudge.text for nudge in campaign.facts.panda.nudges if "spiked" in nudge.text]
    assert len(spiked) == 1
    assert re.match(r"loss spiked [\de+.]+ robust sigma at step \d+, \d+ batches skipped: back to \d+", spiked[0])
    legs = [leg for leg in results_of(desk.store, campaign.id) if ".d0" in leg.request.name]
    (hit,) = [leg for leg in legs if leg.end == "diverged"]
    after = next(leg.request for leg in legs if leg.request.skip_batches)
    assert after.parent == hit.request.name
    assert after.from_step == hit.metrics["guard_healthy_step"] <= hit.metrics["guard_step"]
    assert campaign.verdict.outcome == "stale"


def test_a_model_without_checkpoints_is_refused_a_panda(desk):
    desk.register()
    with pytest.raises(InputError, match="toy cannot be babysat: the command does not honour checkpoints"):
        Verbs(desk.store, desk.config, SystemClock()).retune("toy", "panda")


def test_a_panda_killed_with_its_worker_in_the_middle_of_a_day_takes_the_identical_path(raised, new_desk, tmp_path):
    _, alone = raised
    desk = new_desk(tmp_path)
    slow = desk.folder / "slow"
    desk.write_data(slow=str(slow), pause_s=0.04)
    desk.register(**TABLES)
    words = [sys.executable, "-m", "retuned.daemon", "--state", str(desk.config.state)]
    process = subprocess.Popen(
        [*words, "retune", "toy", "--seed", "5"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    campaign = wait_for_day(desk, 6, slow)
    process.kill()
    process.wait()
    slow.unlink()
    kill_workers(folder_of(desk.config.state, campaign.id))
    before = {leg.request.name for leg in results_of(desk.store, campaign.id)}
    desk.retune()
    ended = find_campaign(desk.store, campaign.id)
    assert any(name.endswith(".d0005") for name in before)
    assert len(before) < len(results_of(desk.store, campaign.id)) - 10
    assert ended.facts.panda == alone.facts.panda
    assert ended.facts.searched.challenger == alone.facts.searched.challenger


def test_a_wish_counts_from_the_next_day_and_a_wrong_one_is_refused(raised, new_desk, tmp_path):
    desk = new_desk(tmp_path)
    slow = desk.folder / "slow"
    desk.write_data(slow=str(slow), pause_s=0.04)
    desk.register(**TABLES)
    verbs = Verbs(desk.store, desk.config, SystemClock())
    words = [sys.executable, "-m", "retuned.daemon", "--state", str(desk.config.state)]
    process = subprocess.Popen(
        [*words, "retune", "toy", "--seed", "5"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    campaign = wait_for_day(desk, 3, slow)
    with pytest.raises(InputError, match="does not move 'hidden'"):
        verbs.nudge(campaign.id, {"hidden": 3})
    with pytest.raises(InputError, match="allowed: a number from 1e-06 to 10"):
        verbs.nudge(campaign.id, {"lr": 100.0})
    with pytest.raises(InputError, match="--to-day 99"):
        verbs.back(campaign.id, 99)
    assert (
        verbs.nudge(campaign.id, {"lr": 0.02}).sentence == f"campaign {campaign.id} of toy: lr 0.02, from the next day"
    )
    slow.unlink()
    process.wait(timeout=150)
    facts = find_campaign(desk.store, campaign.id).facts
    wished = next(nudge for nudge in facts.panda.nudges if nudge.by == "by hand")
    assert wished.day == facts.wishes[0].day >= 4
    assert wished.text.endswith("-> 0.02")
    with pytest.raises(ConflictError, match="has no living panda"):
        verbs.hold(campaign.id)
    late = subprocess.run([*words, "nudge", "toy", "lr=0.02"], capture_output=True, text=True)
    assert (late.returncode, late.stdout) == (2, "")
    assert late.stderr.startswith("retuned: toy has no open re-evaluation")


def wait_for_day(desk, day, slow, seconds=100.0):
    """The campaign, once that day's leg is planned and under way; steps take their time from two days before on."""
    until, store = time.monotonic() + seconds, desk.store
    while time.monotonic() < until:
        found = campaigns_of(store, find_model(store, "toy").id, "retune")
        rows = store.rows("SELECT name FROM legs WHERE name LIKE '%.d0%' AND ended IS NULL")
        newest = max((int(row["name"].rpartition(".d")[2]) for row in rows), default=0)
        if newest >= day - 2:
            slow.touch()
        if found and newest >= day:
            time.sleep(0.05)
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"day {day} never came")


def kill_workers(folder):
    for place in (folder / "workers").glob("*/worker.json"):
        pid = json.loads(place.read_text()).get("pid")
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, TypeError):
            continue
