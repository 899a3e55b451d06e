"""What every runner must do, whatever carries its legs out. Each test runs once for each kind of runner."""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.durable_files import read_json, write_json
from retuned.daemon.training.report_tail import ReportTail
from retuned.strategies.errors import CampaignFailed, InputError
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Report, Role
from retuned.strategies.search.median_stopping import StopRule

pytestmark = pytest.mark.timeout(600)  # a cluster takes its time to start
TOYS = Path(__file__).parents[2] / "toys"
REPORT = '{{"step": 1, "metrics": {{"loss": 0.5}}}}'
TIMEOUT_S = 5.0
HOPELESS = StopRule(tuple(((1.0, -1.0 - run), (10.0, -1.0 - run)) for run in range(5)), stopped=0, budget=10.0)

ENDS = {  # of one training of each kind: how it ends, a part of what is said, and the attempts
    "completes": (LegEnd.COMPLETED, "", 1),
    "reports_in_the_file": (LegEnd.COMPLETED, "", 1),
    "last_report_counts": (LegEnd.COMPLETED, "", 1),
    "several_metrics": (LegEnd.COMPLETED, "", 1),
    "large_checkpoint": (LegEnd.BAD_CHECKPOINT, "MiB, the limit is 2.0 MiB", 1),  # seen whole, or while it is written
    "large_checkpoint_in_a_folder": (LegEnd.BAD_CHECKPOINT, "raise checkpoint_limit", 1),  # seen while it runs
    "hangs": (LegEnd.TIMED_OUT, "still running after", 1),
    "hangs_deaf": (LegEnd.TIMED_OUT, "killed", 1),  # SIGTERM is not enough
    "hangs_after_a_report": (LegEnd.TIMED_OUT, "still running", 1),
    "stops_itself": (LegEnd.TIMED_OUT, "still running", 1),  # no output, no CPU time, no end
    "crashes": (LegEnd.CRASHED, "exit code 3", 2),  # tried once more
    "crashes_with_words": (LegEnd.CRASHED, "the disk of the moon is full", 2),
    "is_killed": (LegEnd.SIGNALLED, "signal 9", 2),
    "reports_nan": (LegEnd.DIVERGED, "not finite", 1),  # says something of the values: not tried again
    "reports_infinity": (LegEnd.DIVERGED, "not finite", 1),
    "nan_and_crash": (LegEnd.DIVERGED, "not finite", 1),
    "no_metric": (LegEnd.NO_METRIC, "never reported loss", 1),
    "another_metric": (LegEnd.NO_METRIC, "accuracy", 1),
    "text_for_a_number": (LegEnd.BAD_REPORT, "loss 'low'", 1),
    "garbled_report": (LegEnd.BAD_REPORT, "loss=3", 1),
    "huge_output": (LegEnd.COMPLETED, "", 1),  # 10 MB, of which 320 KiB are kept
    "huge_line": (LegEnd.COMPLETED, "", 1),
    "binary_output": (LegEnd.COMPLETED, "", 1),
    "floods_reports": (LegEnd.BAD_REPORT, "more than 16 MiB", 1),
    "report_is_a_fifo": (LegEnd.BAD_REPORT, "is a FIFO", 1),
    "removes_its_folder": (LegEnd.BAD_REPORT, "removed or replaced", 1),
    "forks_twice": (LegEnd.COMPLETED, "", 1),
    "forks_twice_and_hangs": (LegEnd.TIMED_OUT, "still running", 1),
    "forks_twice_and_crashes": (LegEnd.CRASHED, "exit code 3", 2),
    "fills_tmpdir": (LegEnd.COMPLETED, "", 1),
    "closes_everything": (LegEnd.COMPLETED, "", 1),
    "reads_its_values": (LegEnd.COMPLETED, "", 1),
    "prints_a_secret": (LegEnd.CRASHED, "exit code 3", 2),
}


def leg(name="a", **changes):
    told = {"configuration": {"kind": name}, "seed": 1, "split_seed": 2, "from_step": 0, "to_step": 1, **changes}
    return LegRequest(name=name, trial=name, purpose=Purpose.SEARCH, role=Role.CANDIDATE, number=0, **told)


def shell(script):
    return ("sh", "-c", script)


@pytest.fixture(scope="module")
def ended(shared_bench):
    """The results of one training of each kind, all of them through one runner with two slots."""
    argv = (sys.executable, "-I", "-S", str(TOYS / "conforming.py"), "{kind}", str(shared_bench.folder))
    runner = shared_bench.runner(argv, slots=2, timeout_s=TIMEOUT_S, checkpoint_bytes=2 << 20)
    return shared_bench.finish(runner, *(leg(kind, keeps_checkpoint=True) for kind in ENDS))


@pytest.mark.parametrize("kind", ENDS)
def test_a_training_of_each_kind_ends_with_its_reason(ended, kind):
    end, said, attempts = ENDS[kind]
    result = ended[kind]
    assert (result.end, result.attempts) == (end, attempts), result.detail
    assert said in result.detail
    assert (result.score is not None) == (end is LegEnd.COMPLETED)


def test_scores_metrics_and_curves_come_from_the_reports(ended):
    assert (ended["completes"].score, ended["reports_in_the_file"].score) == (-0.5, -0.25)
    assert ended["last_report_counts"].curve == ((0.5, -3.0), (1.0, -0.75))
    assert ended["several_metrics"].metrics == {"loss": 0.5, "accuracy": 0.9}


def test_every_training_has_its_cost(ended):
    assert min(result.seconds for result in ended.values()) > 0
    assert max(result.peak_memory_bytes for result in ended.values()) > 1 << 20
    assert ended["hangs"].seconds >= TIMEOUT_S


@pytest.mark.parametrize("kind", ["forks_twice", "forks_twice_and_hangs", "forks_twice_and_crashes"])
def test_a_grandchild_that_fled_is_gone(ended, shared_bench, kind):
    fled = (shared_bench.folder / kind).read_text()
    assert int(fled) not in shared_bench.processes()  # its number may be another's by now


def test_output_and_checkpoints_are_kept_to_a_size_and_temporary_files_are_gone(ended, shared_bench):
    assert (shared_bench.spool.leg_folder("huge_output", 1) / "output.log").stat().st_size < 512 << 10
    assert list(shared_bench.spool.legs.glob("*/tmp")) == []
    assert list(shared_bench.spool.legs.glob("large_*/checkpoint*")) == []


def test_a_training_gets_its_values(ended, shared_bench):
    values, seed, to_step = json.loads((shared_bench.folder / "values").read_text())
    assert (values, seed, to_step) == ({"kind": "reads_its_values"}, "1", "1")


def test_a_secret_is_masked_in_what_is_told(ended):
    assert "hunter2" not in ended["prints_a_secret"].detail


def test_each_end_is_told_once_and_a_second_submission_changes_nothing(ended, shared_bench):
    runner = shared_bench.runners[-1]
    runner.submit([leg("completes"), leg("completes")])
    assert runner.poll() == {}


def test_legs_train_side_by_side_up_to_the_slots(runner_bench):
    script = "echo x >> count; while [ $(wc -l < count) -lt 2 ]; do sleep 0.02; done"
    results = runner_bench.finish(runner_bench.runner(shell(script), slots=2), leg("a"), leg("b"), leg("c"))
    assert {result.end for result in results.values()} == {LegEnd.NO_METRIC}
    assert len(runner_bench.workers()) == 2


def test_a_checkpoint_is_handed_on_and_its_lack_is_told(runner_bench):
    script = (
        "test -z $RETUNED_CHECKPOINT_IN || cat $RETUNED_CHECKPOINT_IN; "
        f"test $RETUNED_SEED = 3 || echo state > $RETUNED_CHECKPOINT_OUT; echo '{REPORT}'"
    )
    runner = runner_bench.runner(shell(script))
    results = runner_bench.finish(runner, leg("a", keeps_checkpoint=True), leg("x", keeps_checkpoint=True, seed=3))
    results |= runner_bench.finish(runner, leg("b", parent="a", keeps_checkpoint=True), leg("c", parent="x"))
    log = runner_bench.spool.leg_folder("b", 1) / "output.log"
    assert log.read_text().startswith("state\n")
    assert (results["b"].end, results["c"].end) == (LegEnd.COMPLETED, LegEnd.CRASHED)
    assert "left no checkpoint" in results["c"].detail
    assert (runner.checkpoint_fault(results["a"]), runner.checkpoint_fault(results["x"])) == (None, "")


def test_a_lost_worker_costs_one_attempt_which_starts_from_the_same_checkpoint(runner_bench):
    again = "test -e again || { touch again; (setsid sleep 60 &); sleep 60; }".replace("{", "{{").replace("}", "}}")
    script = f"test $RETUNED_SEED = 1 && echo state > $RETUNED_CHECKPOINT_OUT && echo '{REPORT}' && exit; "
    script += f"cat $RETUNED_CHECKPOINT_IN; {again}; echo '{REPORT}'"
    runner = runner_bench.runner(shell(script))
    runner_bench.finish(runner, leg("a", keeps_checkpoint=True))
    runner_bench.begin(runner, child := leg("b", parent="a", seed=2))
    runner_bench.wait_for((runner_bench.folder / "again").exists)
    before = set(runner_bench.processes())
    runner_bench.kill_worker()
    result = runner_bench.finish(runner, child)["b"]
    assert (result.end, result.attempts) == (LegEnd.COMPLETED, 2)
    assert (runner_bench.spool.leg_folder("b", 2) / "output.log").read_text().startswith("state\n")
    runner_bench.wait_for(lambda: not before & set(runner_bench.processes()))


def test_a_new_runner_adopts_the_living_takes_in_the_ended_and_tells_each_once(runner_bench):
    script = shell(f"echo $RETUNED_SEED >> count; test $RETUNED_SEED = 1 || sleep 1; echo '{REPORT}'")
    first = runner_bench.runner(script)
    runner_bench.finish(first, leg("a", seed=1))
    runner_bench.begin(first, leg("b", seed=2))
    workers = runner_bench.workers()
    results = runner_bench.finish(runner_bench.runner(script), leg("a", seed=1), leg("b", seed=2))
    assert {name: (result.end, result.attempts) for name, result in results.items()} == {
        "a": (LegEnd.COMPLETED, 1),
        "b": (LegEnd.COMPLETED, 1),
    }
    assert (runner_bench.folder / "count").read_text() == "1\n2\n"
    assert runner_bench.workers() == workers


def test_a_stop_frees_everything_within_ten_seconds_and_a_later_runner_goes_on(runner_bench):
    script = shell(f"test -e go && echo '{REPORT}' && exit; touch ready; trap '' TERM; setsid sleep 60 & sleep 60")
    runner = runner_bench.runner(script, slots=2)
    runner_bench.begin(runner, leg("a"), leg("b"))
    runner_bench.wait_for((runner_bench.folder / "ready").exists)
    runner.stop(grace_s=10.0)
    assert runner_bench.processes() == []
    assert runner.poll() == {}
    (runner_bench.folder / "go").touch()
    results = runner_bench.finish(runner_bench.runner(script, slots=2), leg("a"), leg("b"))
    assert {(result.end, result.attempts) for result in results.values()} == {(LegEnd.COMPLETED, 1)}


def test_a_ticket_that_is_there_twice_counts_once(runner_bench):
    runner = runner_bench.runner(shell(f"echo x >> count; sleep 0.5; echo '{REPORT}'"), slots=2)
    runner_bench.begin(runner, leg())
    (runner_bench.spool.queue / "00000001-a.a1").touch()
    results = runner_bench.finish(runner, leg(), leg("b"))
    assert (results["a"].end, results["a"].attempts) == (LegEnd.COMPLETED, 1)
    assert (runner_bench.folder / "count").read_text() == "x\nx\n"


def test_a_late_result_of_a_lost_claim_counts_for_nothing(runner_bench):
    script = shell(f"test -e again || {{{{ touch again; sleep 60; }}}}; echo '{REPORT}'")
    runner = runner_bench.runner(script)
    runner_bench.begin(runner, leg())
    runner_bench.wait_for((runner_bench.folder / "again").exists)
    runner_bench.kill_worker()
    first = runner_bench.finish(runner, leg())["a"]
    late = runner_bench.spool.leg_folder("a", 1)
    write_json(late / "exit.json", read_json(runner_bench.spool.leg_folder("a", 2) / "exit.json"))
    (late / "report.jsonl").write_text('{"step": 1, "metrics": {"loss": 99}}\n')
    (told,) = runner_bench.finish(runner_bench.runner(script), leg()).values()
    assert (first.score, told.score, told.attempts) == (-0.5, -0.5, 2)


def test_reports_are_seen_while_a_leg_runs_and_a_hopeless_one_is_stopped(runner_bench):
    lines = "; ".join(f"echo '{REPORT.replace('1', str(step), 1).replace('0.5', '90')}'" for step in range(1, 9))
    runner = runner_bench.runner(shell(f"{lines}; sleep 60"))
    asked = leg(to_step=10)
    runner.submit([asked], (), HOPELESS)
    tail = ReportTail(runner_bench.spool.report_path("a", 1))
    runner_bench.wait_for(lambda: runner.poll() == {} and tail.read_on(is_over=False))
    assert tail.reading.reports[0] == Report(1.0, {"loss": 90.0})
    assert runner_bench.finish(runner, asked)["a"].end is LegEnd.STOPPED


def test_a_group_with_one_diverged_member_has_an_end_for_each(runner_bench):
    recipe = f"{TOYS / 'line_recipe.py'}:Line"
    (runner_bench.folder / "data.json").write_text("{}")
    data = str(runner_bench.folder / "data.json")
    runner = runner_bench.runner(kind="recipe", recipe=recipe, groups=1, data=data, timeout_s=120.0)
    rates = {"a": 0.05, "b": 1e30, "c": 0.01}
    legs = [leg(name, configuration={"lr": rate}, to_step=30) for name, rate in rates.items()]
    results = runner_bench.finish(runner, *legs, among=legs)
    assert {name: result.end for name, result in results.items()} == {
        "a": LegEnd.COMPLETED,
        "b": LegEnd.DIVERGED,
        "c": LegEnd.COMPLETED,
    }


@pytest.mark.parametrize("file", ["exit.json", "leg.json"])
def test_a_leg_whose_files_cannot_be_read_is_tried_again(runner_bench, file):
    script = shell(f"echo '{REPORT}'")
    runner_bench.finish(runner_bench.runner(script), leg())
    (runner_bench.spool.leg_folder("a", 1) / file).write_text("{")
    result = runner_bench.finish(runner_bench.runner(script), leg())["a"]
    assert (result.end, result.attempts) == (LegEnd.COMPLETED, 2)


@pytest.mark.parametrize("asked", [leg("a/b"), leg("b", parent="nobody"), leg("c", configuration={})])
def test_a_leg_that_cannot_be_run_is_refused_before_anything_is_written(runner_bench, asked):
    runner = runner_bench.runner(shell("echo {kind}"))
    with pytest.raises(InputError):
        runner.submit([asked])
    assert os.listdir(runner_bench.spool.legs) == []


def test_a_clock_that_is_an_hour_behind_costs_no_leg(runner_bench):
    runner = runner_bench.runner(shell(f"touch ready; until test -e go; do sleep 0.02; done; echo '{REPORT}'"))
    runner_bench.begin(runner, leg())
    runner_bench.wait_for((runner_bench.folder / "ready").exists)
    (said,) = runner_bench.spool.workers.glob("*/worker.json")
    os.utime(said, (time.time() - 3600, time.time() - 3600))
    assert runner.poll() == {}
    (runner_bench.folder / "go").touch()
    assert runner_bench.finish(runner, leg())["a"].attempts == 1


def test_a_worker_without_work_ends_by_itself(runner_bench):
    runner = runner_bench.runner(shell(f"echo '{REPORT}'"), idle_s=0.2)
    runner_bench.finish(runner, leg())
    runner_bench.wait_for(lambda: runner.poll() == {} and not list(runner_bench.spool.workers.glob("*/worker.json")))
    assert runner_bench.processes() == []


def test_workers_that_cannot_start_fail_the_campaign_with_a_sentence(runner_bench):
    runner = runner_bench.runner(shell("true"), python="/no/such/python")
    runner.submit([leg()])
    with pytest.raises(CampaignFailed, match="worker"):
        runner_bench.wait_for(lambda: runner.poll() != {})


def test_a_spool_that_was_taken_away_fails_the_campaign_with_a_sentence(runner_bench):
    runner = runner_bench.runner(shell(f"echo '{REPORT}'"))
    runner_bench.finish(runner, leg())
    runner.stop()
    shutil.rmtree(runner_bench.spool.queue)
    with pytest.raises(CampaignFailed, match="folder was removed"):
        runner.poll()
