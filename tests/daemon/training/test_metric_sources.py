"""Runs of commands that report nothing: their metric is found in what they print, or in a file that they write."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.training.leg_order import MetricSource, TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role
from retuned.strategies.search.median_stopping import StopRule

EPOCHS = MetricSource(pattern=r"epoch (?P<step>\d+): val_loss=(\S+)")
LAST = MetricSource(pattern=r"val_loss=(\S+)")
TABLE = MetricSource(file="logs/metrics.csv", column="val_loss")
OWN = MetricSource(file="{tmp}/metrics.json", key="eval.val_loss")


class Bench:
    """Runs shell scripts as trainings in a folder."""

    def __init__(self, folder):
        self.folder = folder / "work"
        self.folder.mkdir()
        self.spool = folder / "spool"
        self.runners = []

    def run(self, script, source, requests=None, rule=None, slots=1, timeout_s=20.0):
        """The results of runs of a script, by name."""
        escaped = script.replace("{", "{{").replace("}", "}}")
        order = TrainingOrder(
            "command", ("sh", "-c", escaped, "train", "{tmp}"), None, "", str(self.folder), "", "epochs", None,
            timeout_s, 1, grace_s=0.2, source=source,
        )  # fmt: skip
        has_steps = bool(source.step) or "step" in source.pattern
        objective = Objective("val_loss", lower_is_better=True, has_printed_steps=has_steps)
        environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable}
        runner = LocalRunner(self.spool, order, objective, slots, environment, SystemClock())
        self.runners.append(runner)
        requests = requests or [leg("a")]
        runner.submit(requests, requests, rule)
        results, until = {}, time.monotonic() + 30
        while len(results) < len(requests):
            assert time.monotonic() < until, "waited in vain"
            results |= runner.poll()
            time.sleep(0.01)
        return results


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    for runner in made.runners:
        runner.stop()


def leg(name, **configuration):
    return LegRequest(name, name, Purpose.SEARCH, configuration, 1, 2, 0.0, 10.0, role=Role.CANDIDATE, number=0)


def ended(bench, script, source, **how):
    result = bench.run(script, source, **how)["a"]
    return result.end, result.score, result.detail


PRINTS = 'for e in 1 2 3 4 5 6 7 8 9 10; do echo "epoch $e: val_loss=0.$((99 - e))"; done'


def test_printed_steps_become_a_curve_and_the_last_one_the_score(bench):
    result = bench.run(PRINTS, EPOCHS)["a"]
    assert (result.end, result.score, result.metrics) == (LegEnd.COMPLETED, -0.89, {"val_loss": 0.89})
    assert result.curve == tuple((float(step), -(99 - step) / 100) for step in range(1, 11))


def test_without_steps_the_last_value_is_that_of_the_whole_run(bench):
    result = bench.run(PRINTS + " >&2", LAST)["a"]
    assert (result.end, result.curve) == (LegEnd.COMPLETED, ((10.0, -0.89),))


def test_hopeless_runs_are_stopped_by_what_they_print(bench):
    curve = tuple((float(step), -(0.5**step)) for step in range(1, 11))
    script = "for e in 1 2 3 4 5 6 7 8 9 10; do echo epoch $e: val_loss=0.99; done; sleep 60"
    result = bench.run(script, EPOCHS, rule=StopRule((curve,) * 5, 0, 10.0))["a"]
    assert (result.end, result.curve[-1][0]) == (LegEnd.STOPPED, 5.0)
    assert result.seconds < 20


@pytest.mark.parametrize(
    ("script", "source", "end", "words"),
    [
        ("echo epoch 10: val_loss=nan", EPOCHS, LegEnd.DIVERGED, "val_loss is not finite in its last report"),
        ("echo val_loss=nan; exit 1", LAST, LegEnd.DIVERGED, "then exit code 1"),
        ("echo val_loss=0.3; exit 1", LAST, LegEnd.CRASHED, "exit code 1"),
        ("echo val-loss=0.31", LAST, LegEnd.NO_METRIC, "did you mean val-loss=0.31?"),
        ("echo val_loss=nan; echo val_loss=x", LAST, LegEnd.NO_METRIC, "no val_loss: the last value that the pattern"),
        ("true", LAST, LegEnd.NO_METRIC, "it printed nothing"),
        ("echo epoch 4: val_loss=0.3", EPOCHS, LegEnd.BAD_REPORT, "leave the group 'step' out of the pattern"),
        ("true", TABLE, LegEnd.NO_METRIC, "the training wrote no file"),
        ("mkdir -p logs/metrics.csv", TABLE, LegEnd.NO_METRIC, "metrics.csv is a folder"),
        ("mkdir logs; ln -s /etc/passwd logs/metrics.csv", TABLE, LegEnd.NO_METRIC, "is a symbolic link"),
        ("mkdir logs; mkfifo logs/metrics.csv", TABLE, LegEnd.NO_METRIC, "is a FIFO"),
        ("mkdir logs; echo epoch,loss > logs/metrics.csv", TABLE, LegEnd.NO_METRIC, "has no column val_loss"),
        ("echo '{}' > $1/metrics.json", OWN, LegEnd.NO_METRIC, "has no eval.val_loss"),
    ],
)
def test_each_way_to_have_no_metric_is_told_in_a_sentence(bench, script, source, end, words):
    found, score, detail = ended(bench, script, source)
    assert (found, score) == (end, None)
    assert words in detail
    assert "\n" not in detail


GROWING = MetricSource(file="logs/metrics.csv", column="val_loss", step="epoch")
WRITES = (
    "mkdir -p logs; echo epoch,val_loss > logs/metrics.csv; "
    'for e in 1 2 3 4 5 6 7 8 9 10; do echo "$e,0.$((99 - e))" >> logs/metrics.csv; done'
)
STALLS = WRITES.replace("0.$((99 - e))", "0.99") + "; sleep 60"


def test_the_rows_of_a_table_with_steps_become_a_curve(bench):
    result = bench.run(WRITES, GROWING)["a"]
    assert (result.end, result.score) == (LegEnd.COMPLETED, -0.89)
    assert result.curve == tuple((float(step), -(99 - step) / 100) for step in range(1, 11))


def test_the_lines_of_a_log_with_steps_become_a_curve_of_this_run_alone(bench):
    (bench.folder / "log.jsonl").write_text('{"epoch": 10, "val_loss": 0.1}\n')
    source = MetricSource(file="log.jsonl", key="val_loss", step="epoch")
    script = 'for e in 9 10; do printf \'{"epoch": %d, "val_loss": 0.%d}\\n\' $e $((99 - e)) >> log.jsonl; done'
    assert bench.run(script, source)["a"].curve == ((9.0, -0.9), (10.0, -0.89))


def test_hopeless_runs_are_stopped_by_what_they_write(bench):
    curve = tuple((float(step), -(0.5**step)) for step in range(1, 11))
    result = bench.run(STALLS, GROWING, rule=StopRule((curve,) * 5, 0, 10.0))["a"]
    assert (result.end, result.curve[-1][0]) == (LegEnd.STOPPED, 5.0)
    assert result.seconds < 20


@pytest.mark.parametrize(
    ("script", "end", "words"),
    [
        (
            "mkdir logs; echo val_loss > logs/metrics.csv",
            LegEnd.NO_METRIC,
            "has no column epoch: its first line has val",
        ),
        (f"{WRITES}; echo x,0.3 >> logs/metrics.csv", LegEnd.NO_METRIC, "column epoch is 'x', which is no step"),
        (f"{WRITES}; echo 11,x >> logs/metrics.csv", LegEnd.NO_METRIC, "column val_loss is 'x', which is no number"),
        (
            f"{WRITES}; echo 2,0.3 >> logs/metrics.csv",
            LegEnd.BAD_REPORT,
            "leave the group 'step' out of the pattern, or",
        ),
    ],
)
def test_a_table_with_steps_that_gives_no_score_is_told_in_a_sentence(bench, script, end, words):
    found, score, detail = ended(bench, script, GROWING)
    assert (found, score) == (end, None)
    assert words in detail


def test_a_table_is_read_when_the_run_has_ended(bench):
    script = 'mkdir -p logs; printf "epoch,val_loss\\n1,0.9\\n2,0.3\\n" > logs/metrics.csv'
    assert ended(bench, script, TABLE) == (LegEnd.COMPLETED, -0.3, "val_loss = 0.3")


def test_a_table_that_an_earlier_run_left_never_counts(bench):
    (bench.folder / "logs").mkdir()
    (bench.folder / "logs" / "metrics.csv").write_text("epoch,val_loss\n1,0.1\n")
    end, score, detail = ended(bench, "true", TABLE)
    assert (end, score) == (LegEnd.NO_METRIC, None)
    assert "was not written by this training" in detail


def test_runs_side_by_side_have_files_of_their_own(bench):
    script = 'echo "{\\"eval\\": {\\"val_loss\\": 0.$RETUNED_SEED}}" > $1/metrics.json; sleep 0.2'
    requests = [leg(name) for name in "abcd"]
    results = bench.run(script, OWN, requests, slots=2)
    assert {(result.end, result.score) for result in results.values()} == {(LegEnd.COMPLETED, -0.1)}


def test_a_catastrophic_pattern_ends_the_run_and_leaves_the_worker_to_train_the_next(bench):
    slow = MetricSource(pattern=r"(?:a+)+(!)")
    end, _, detail = ended(bench, "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; sleep 60", slow)
    assert end is LegEnd.BAD_REPORT
    assert "takes more than 1 s for a piece of output" in detail


def test_the_output_is_kept_as_it_was_printed(bench):
    bench.run("printf '\\033[1mepoch 10:\\033[0m val_loss=0.3\\r'", EPOCHS)
    assert (bench.spool / "legs/a.a1/output.log").read_bytes() == b"\x1b[1mepoch 10:\x1b[0m val_loss=0.3\r"


TQDM = """
import sys, time
for epoch in range(1, 11):
    for batch in range(100):
        sys.stderr.write(f"\\r\\x1b[Aepoch {epoch}: val_loss={1 / epoch + 0.01 * (99 - batch):.4f} {batch}%|###|")
        sys.stderr.flush()
sys.stderr.write("\\n")
"""


def test_of_a_progress_bar_the_last_value_of_each_epoch_counts(bench):
    (bench.folder / "train.py").write_text(TQDM)
    result = bench.run('"$PYTHON" -I -S train.py', EPOCHS)["a"]
    assert [round(-score, 4) for _, score in result.curve] == [round(1 / epoch, 4) for epoch in range(1, 11)]


def test_what_a_training_forges_in_its_exit_is_bounded(bench):
    forged = {"process": "exited", "exit_code": 0, "metric_fault": "x" * 10_000_000}
    leg_folder = Path(bench.spool / "legs/a.a1")
    bench.run(PRINTS, EPOCHS)
    (leg_folder / "exit.json").write_text(json.dumps(forged))
    assert len(ended(bench, PRINTS, EPOCHS)[2]) < 3000
