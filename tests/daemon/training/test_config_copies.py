"""A program driven by a configuration file: each of its trainings gets a copy with its values."""

import os
import time
from types import SimpleNamespace

import pytest
import yaml
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config_template import ConfigTemplate
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.worker.legs import clear
from retuned.strategies.errors import InputError
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

TEMPLATE = ConfigTemplate(
    ".yaml", "name: x\noptimizer: {lr: 1, wd: 2}\n", (("lr", "optimizer.lr"), ("wd", "optimizer.wd"))
)
SHOWS = 'cat "$1"; [ "$1" = "$RETUNED_CONFIG" ] && printf \'{{"step": 1, "metrics": {{"loss": 0.5}}}}\''


def leg(name, **configuration):
    return LegRequest(name, name, Purpose.SEARCH, configuration, 1, 2, 0.0, 1.0, role=Role.CANDIDATE, number=0)


@pytest.fixture
def bench(tmp_path):
    order = TrainingOrder(
        "command", ("sh", "-c", SHOWS, "train", "{config}"), None, "", str(tmp_path), "", "epochs", None, 20.0, 1,
        grace_s=0.2, template=TEMPLATE,
    )  # fmt: skip
    spool = tmp_path / "spool"
    runner = LocalRunner(spool, order, Objective("loss", True), 1, {"PATH": os.environ["PATH"]}, SystemClock())
    yield SimpleNamespace(spool=spool, runner=runner)
    runner.stop()


def test_each_training_reads_its_own_values(bench):
    bench.runner.submit([leg("a", lr=0.1, wd=0), leg("b", lr=0.2)])  # b: wd is switched off, the file's own stays
    results, until = {}, time.monotonic() + 20
    while len(results) < 2:
        assert time.monotonic() < until, "waited in vain"
        results |= bench.runner.poll()
        time.sleep(0.01)
    assert {result.end for result in results.values()} == {LegEnd.COMPLETED}
    read = [
        yaml.safe_load((bench.spool / f"legs/{name}.a1/output.log").read_text().partition('{"')[0]) for name in "ab"
    ]
    assert [config["optimizer"] for config in read] == [{"lr": 0.1, "wd": 0}, {"lr": 0.2, "wd": 2}]


def test_a_leg_that_is_put_back_keeps_its_configuration_file(bench):
    bench.runner.submit([leg("a", lr=0.1, wd=0)])
    folder = bench.spool / "legs/a.a1"
    clear(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "hyperparameters.json", "leg.json"]


def test_a_schedule_is_refused_before_anything_is_written(bench):
    with pytest.raises(InputError, match=r"optimizer\.lr is a schedule"):
        bench.runner.submit([leg("a", lr=((0.0, 0.1), (1.0, 0.2)), wd=0)])
    assert list((bench.spool / "legs").iterdir()) == []
