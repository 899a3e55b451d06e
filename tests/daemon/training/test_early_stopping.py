"""Hopeless runs of a command are ended early, with all that they started; timing and kills do not change the record."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.reports.progress import progress_of
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.training.early_stopping import AttemptReports, EarlyStop
from retuned.daemon.training.leg_order import Ticket, TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.spool import Spool
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role
from retuned.strategies.search.median_stopping import StopRule

TOYS = Path(__file__).parents[2] / "toys"
SEED = 2  # of a search whose later waves have hopeless runs
TABLES = {
    "search": "challengers = 11\nmax_pairs = 4",
    "hyperparameters.lr": 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = 0.01',
    "hyperparameters.other": 'type = "float"\nlow = 0\nhigh = 1.0\nvalue = 0.5',
}
DRAG_S = 1.0

CURVE = tuple((float(step), 1.0 - 0.5**step) for step in range(1, 11))
RULE = StopRule((CURVE,) * 5, 0, 10.0)
LINE = '{{"step": \'$s\', "metrics": {{"score": 0.1}}}}'
POOR = f"for s in 1 2 3 4 5 6 7 8 9 10; do echo '{LINE}' >> $RETUNED_REPORT; sleep {{nap}}; done"


def searched(desk, campaign):
    """The legs of the campaign's search as they are recorded, without what is a matter of time."""
    found = [one for one in results_of(desk.store, campaign.id) if one.request.trial.startswith("search.")]
    return [(one.request, one.end, one.score, one.detail, one.metrics, one.curve, one.attempts) for one in found]


def prepared(desk, **toy):
    """The desk with the plodding model registered, its baseline left out."""
    desk.write_data(**toy)
    desk.register(training=desk.training_table(TOYS / "plodding.py"), **TABLES)
    (baseline,) = open_campaigns(desk.store)
    cancel_campaign(desk.store, baseline, SystemClock().now())
    return desk


@pytest.fixture(scope="module")
def dragging(new_desk, tmp_path_factory):
    """A campaign in which hopeless runs would take long, and so are killed: the desk, the campaign, the log."""
    folder = tmp_path_factory.mktemp("dragging")
    desk = prepared(new_desk(folder), drag_s=DRAG_S, log=str(folder / "log.txt"))
    return desk, desk.retune(seed=SEED), (folder / "log.txt").read_text().splitlines()


def test_hopeless_runs_of_a_search_are_ended_early_and_recorded_up_to_the_report_that_decided(dragging):
    desk, campaign, log = dragging
    stopped = [one for one in results_of(desk.store, campaign.id) if one.end is LegEnd.STOPPED]
    assert [one.request.trial for one in stopped] == ["search.005", "search.007", "search.008"]
    assert [[step for step, _ in one.curve][-1] for one in stopped] == [5.0, 5.0, 6.0]
    assert {(one.score, one.attempts) for one in stopped} == {(None, 1)}
    assert all(one.detail.startswith("stopped as hopeless at ") for one in stopped)
    ended = {line.split()[1].rpartition(".r")[0] for line in log if line.startswith("end search.")}
    assert ended == {f"search.{number:03d}" for number in range(12)} - {one.request.trial for one in stopped}


def test_the_search_says_what_stopping_saved_and_is_sound_all_the_same(dragging):
    desk, campaign, _ = dragging
    assert "8 of 11 challengers completed, 3 stopped early, hopeless by the median rule, which saved 47% of their" in (
        campaign.facts.searched.reason
    )
    assert campaign.facts.searched.challenger is not None
    progress = progress_of(desk.store, campaign)
    assert (progress.stopped, progress.failed) == (3, 0)


def test_nothing_of_a_stopped_run_is_left(dragging):
    desk, _, _ = dragging
    assert processes_naming(str(desk.store.state)) == []


def processes_naming(text):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def test_runs_that_are_over_before_their_stop_arrives_are_recorded_alike(dragging, other_desk):
    quick = prepared(other_desk)
    assert searched(quick, quick.retune(seed=SEED)) == searched(*dragging[:2])


def test_with_the_key_off_every_run_goes_its_way(desk):
    desk.write_data()
    desk.register(
        training=desk.training_table(TOYS / "plodding.py"),
        **TABLES | {"search": TABLES["search"] + "\nstop_hopeless = false"},
    )
    campaign = desk.retune(seed=SEED)
    assert {end for _, end, *_ in searched(desk, campaign)} == {LegEnd.COMPLETED}
    assert "11 of 11 challengers completed" in campaign.facts.searched.reason


@pytest.mark.parametrize("moment", ["decided", "ended"])
def test_a_leader_that_is_killed_around_a_stop_leads_to_the_same_record(dragging, other_desk, moment):
    desk = prepared(other_desk, drag_s=DRAG_S)
    legs = desk.store.state / "campaigns" / "2" / "legs"
    marks = {"decided": "search.00*/stop", "ended": "search.007*/exit.json"}[moment]
    command = [
        sys.executable,
        "-m",
        "retuned.daemon",
        "--state",
        desk.store.state,
        "retune",
        "toy",
        "--seed",
        SEED,
    ]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL) as leader:
        wait_for(lambda: list(legs.glob(marks)) or leader.poll() is not None, timeout_s=60)
        assert leader.poll() is None
        leader.send_signal(signal.SIGKILL)
    (campaign,) = open_campaigns(desk.store)
    assert searched(desk, desk.run(campaign)) == searched(*dragging[:2])


def wait_for(condition, timeout_s=15.0):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


class Bench:
    """Runners on one spool, and what they started, found by a mark in the environment."""

    def __init__(self, folder):
        self.folder, self.mark, self.runners = folder, uuid.uuid4().hex, []

    def runner(self, script, **order):
        training = TrainingOrder(
            "command", ("sh", "-c", script), None, "", str(self.folder), "", "steps", None, 20.0, 1,
            **{"grace_s": 0.2, **order},
        )  # fmt: skip
        environment = {"PATH": os.environ["PATH"], "MARK": self.mark}
        objective = Objective("score", lower_is_better=False)
        self.runners.append(LocalRunner(self.folder / "spool", training, objective, 2, environment, SystemClock()))
        return self.runners[-1]

    def finish(self, runner, *requests, rule=RULE):
        runner.submit(requests, requests, rule)
        results = {}
        wait_for(lambda: results.update(runner.poll()) or len(results) == len(requests))
        return results


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.runners[-1].stop()
    assert processes_naming(bench.mark) == []


def leg(name="a", purpose=Purpose.SEARCH, **configuration):
    return LegRequest(name, name, purpose, {"nap": 0, **configuration}, 1, 2, 0.0, 10.0, role=Role.CANDIDATE, number=0)


def test_a_stopped_run_is_killed_with_its_whole_tree(bench):
    runner = bench.runner(
        "trap '' TERM; setsid sleep 600 & (setsid setsid sleep 600 &); " + POOR.replace("{nap}", "0.3")
    )
    runner.submit([leg()], (), RULE)
    seen = set()
    wait_for(lambda: seen.update(processes_naming(bench.mark)) or runner.poll())
    assert len(seen) >= 4
    assert Spool(bench.folder / "spool").claims() == ()
    wait_for(lambda: [pid for pid in seen if pid in processes_naming(bench.mark)] == worker_of(bench))
    end = json.loads((bench.folder / "spool/legs/a.a1/exit.json").read_text())
    assert end["process"] == "stopped"


def worker_of(bench):
    found = [json.loads(path.read_text()) for path in (bench.folder / "spool/workers").glob("*/worker.json")]
    return [said["pid"] for said in found]


@pytest.mark.parametrize("purpose", [Purpose.REPLICATE, Purpose.CONFIRM])
def test_only_runs_of_a_search_are_stopped(bench, purpose):
    assert bench.finish(bench.runner(POOR), leg(purpose=purpose))["a"].end is LegEnd.COMPLETED


@pytest.mark.parametrize(
    "after",
    ["", "exit 3", "kill -9 $$", "sleep 60", "echo '{{\"step\": 10, \"metrics\": {{\"score\": NaN}}}}'",
     "echo '{{\"step\": 10, \"metrics\": 7}}'", "kill -9 $PPID", "yes | head -c 20000000 >> $RETUNED_REPORT"],
)  # fmt: skip
def test_whatever_a_run_does_after_the_report_that_decided_it_counts_as_stopped(bench, after):
    result = bench.finish(bench.runner(f"{POOR}; {after}"), leg())["a"]
    assert (result.end, result.score, result.attempts) == (LegEnd.STOPPED, None, 1)
    assert result.curve == tuple((float(step), 0.1) for step in range(1, 6))


@pytest.mark.parametrize("before", ["exit 3", 'echo \'{{"step": 1, "metrics": 7}}\'; sleep 0.3'])
def test_what_ends_badly_before_is_not_stopped(bench, before):
    assert bench.finish(bench.runner(f"{before}; {POOR}"), leg())["a"].end in (LegEnd.CRASHED, LegEnd.BAD_REPORT)


def test_a_run_that_ended_while_nobody_led_is_judged_by_the_next_runner(bench):
    first = bench.runner(POOR)
    first.submit([leg()], (), RULE)
    first.poll()
    wait_for((bench.folder / "spool/legs/a.a1/exit.json").exists)
    assert bench.finish(bench.runner(POOR), leg())["a"].end is LegEnd.STOPPED


def lines(score, *steps):
    return "".join(f'{{"step": {step}, "metrics": {{"score": {score}}}}}\n' for step in steps)


@pytest.mark.parametrize(
    ("later", "curve", "stop"),
    [
        (None, [1, 2, 3, 4, 5], 5),  # the file as it was read
        (lines(0.1, 1, 2, 3, 4, 5, 6), [1, 2, 3, 4, 5], 5),  # it grew after the decision
        (lines(9, 1, 2, 3, 4, 5, 6), [1, 2, 3, 4, 5, 6], None),  # another one, which was begun anew
        (lines(9, 1), [1], None),  # and is shorter
        ("", [], None),  # or empty
        ("gone", [], None),
    ],
)
def test_what_the_file_says_in_the_end_counts_also_where_it_was_replaced_since_a_look(tmp_path, later, curve, stop):
    spool, ticket = Spool(tmp_path), Ticket(1, "a", 1)
    path = spool.report_path("a", 1)
    path.parent.mkdir(parents=True)
    path.write_text(lines(0.1, 1, 2, 3, 4, 5))
    stopping = EarlyStop(spool, Objective("score", lower_is_better=False))
    stopping.watch([leg()], RULE)
    stopping.look(ticket)
    assert (path.parent / "stop").exists()
    path.unlink() if later == "gone" else path.write_text(later) if later is not None else None
    reported = stopping.reports_of("a", 1, is_flood=False)
    assert [report.step for report in reported.reports] == curve
    assert (reported.stop.step if reported.stop else None) == stop


def test_reports_are_judged_as_they_come_and_read_on_in_the_end(tmp_path):
    spool, ticket = Spool(tmp_path), Ticket(1, "a", 1)
    path = spool.report_path("a", 1)
    path.parent.mkdir(parents=True)
    stopping = EarlyStop(spool, Objective("score", lower_is_better=False))
    stopping.watch([leg()], RULE)
    stopping.look(ticket)  # before there is a file
    path.write_text(lines(0.1, 1, 2, 3)[:-5])
    stopping.look(ticket)
    path.write_text(lines(0.1, 1, 2, 3, 4) + lines(0.1, 5).rstrip())
    stopping.look(ticket)
    assert not (path.parent / "stop").exists()  # the fifth line may go on
    assert stopping.reports_of("a", 1, is_flood=False).stop.step == 5


@pytest.mark.parametrize("rule", [RULE, None])
def test_of_a_flood_only_a_stop_counts(tmp_path, rule):
    spool = Spool(tmp_path)
    path = spool.report_path("a", 1)
    path.parent.mkdir(parents=True)
    path.write_text(lines(0.1, 1, 2, 3, 4))
    stopping = EarlyStop(spool, Objective("score", lower_is_better=False))
    stopping.watch([leg()], rule)
    assert stopping.reports_of("a", 1, is_flood=True) == AttemptReports()


def test_a_stop_that_the_reports_do_not_bear_out_costs_an_attempt(bench):
    good = 'for s in 5 10; do echo \'{{"step": \'$s\', "metrics": {{"score": 9}}}}\'; sleep 0.3; done'
    runner = bench.runner(good)
    runner.submit([leg()], (), RULE)
    runner.poll()
    (bench.folder / "spool/legs/a.a1/stop").touch()
    result = bench.finish(runner, leg())["a"]
    assert (result.end, result.attempts) == (LegEnd.COMPLETED, 2)


def test_a_command_that_ends_in_its_grace_is_not_killed(bench):
    script = "trap 'echo tidied > tidy; exit' TERM; " + POOR.replace("{nap}", "0.1")
    assert bench.finish(bench.runner(script, grace_s=10.0), leg())["a"].end is LegEnd.STOPPED
    assert (bench.folder / "tidy").read_text() == "tidied\n"
    assert Spool(bench.folder / "spool").read_end("a", 1).seconds < 5.0
