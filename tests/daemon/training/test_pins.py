"""Both sides of a pair train on the same kind of node: real workers, told that they stand on different ones."""

import os
import sys
import time
from dataclasses import replace

import pytest
from retuned.daemon.training.environment_reading import kind_of_node
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.node_kinds import KIND
from retuned.daemon.training.pins import PATIENCE_S, pin_of
from retuned.daemon.training.spool_runner import SpoolRunner
from retuned.daemon.training.worker_processes import Workers
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

SCRIPT = 'until test -e {go}; do sleep 0.02; done; echo \'{{{{"step": 1, "metrics": {{{{"loss": 0.5}}}}}}}}\''


def side(role, number, **changes):
    leg = LegRequest(
        f"{role.value[0]}{number}", "t", Purpose.CONFIRM, {}, number, 2, 0.0, 1.0, role=role, number=number
    )
    return replace(leg, **changes)


PAIRS = [side(role, number) for number in range(3) for role in (Role.INCUMBENT, Role.CHALLENGER)]


class KindOfNode(Workers):
    """Workers of this machine, each on a node of the kind that comes next."""

    kinds = ()

    def start(self, kind=""):
        kind = self.kinds[len(list(self._spool.workers.iterdir())) % len(self.kinds)]
        self._environment = {**self._environment, KIND: kind}
        return super().start()


@pytest.fixture
def run(tmp_path, clock):
    """A runner whose workers stand on nodes of these kinds, in the order of their start."""
    made = []

    def begin(*kinds, slots=2):
        order = TrainingOrder(
            "command", ("sh", "-c", SCRIPT.format(go=tmp_path / "go")), None, sys.executable, str(tmp_path), "",
            "steps", None, 30.0, 1, idle_s=0.3,
        )  # fmt: skip
        environment = {"PATH": os.environ["PATH"]}

        def pool(spool, longest_s):
            workers = KindOfNode(spool, environment, sys.executable, longest_s)
            workers.kinds = kinds
            return workers

        made.append(SpoolRunner(tmp_path / "spool", order, Objective("loss", True), slots, environment, clock, pool))
        return made[-1]

    yield begin
    made[-1].stop()


def finished(runner, *legs, look=lambda: None):
    runner.submit(legs)
    results, until = {}, time.monotonic() + 60
    while not {leg.name for leg in legs} <= set(results):
        assert time.monotonic() < until, f"only {sorted(results)} have ended"
        results |= runner.poll()
        look()
        time.sleep(0.02)
    return results


def test_pairs_are_divided_among_kinds_of_nodes_but_no_pair_is_split(run, tmp_path):
    (tmp_path / "go").touch()
    results = finished(run("A100", "H100"), *PAIRS)
    nodes = [{results[leg.name].node for leg in PAIRS if leg.number == number} for number in range(3)]
    assert {len(kinds) for kinds in nodes} == {1}
    assert {result.end for result in results.values()} == {LegEnd.COMPLETED}
    assert nodes[0] <= {"A100", "H100"}


def test_a_worker_on_another_kind_of_node_leaves_the_other_side_alone(run, tmp_path):
    runner = run("A100", "H100")
    runner.submit(PAIRS[:2])
    claimed = tmp_path / "spool" / "claimed"
    until = time.monotonic() + 30
    while (
        len(os.listdir(tmp_path / "spool" / "workers")) < 3 and time.monotonic() < until
    ):  # the second has come and gone
        runner.poll()
        assert len(os.listdir(claimed)) <= 1
        time.sleep(0.02)
    (tmp_path / "go").touch()
    assert len({result.node for result in finished(runner, *PAIRS[:2]).values()}) == 1


def test_the_other_side_is_lost_where_no_node_of_its_kind_is_left(run, tmp_path, clock):
    (tmp_path / "go").touch()
    first = run("A100")
    finished(first, PAIRS[0])
    first.stop()
    runner = run("H100")
    result = finished(runner, PAIRS[1], look=lambda: clock.move(seconds=PATIENCE_S / 2))[PAIRS[1].name]
    assert (result.end, result.attempts) == (LegEnd.LOST, 4)
    assert "no node like the one that trained the other side of its pair (A100) is left" in result.detail


def test_a_pair_of_which_no_side_has_trained_goes_to_another_kind_of_node(run, tmp_path, clock):
    """Its first worker decided on a kind of node, and was lost with it."""
    (tmp_path / "go").touch()
    runner = run("H100")
    runner.submit(PAIRS[:2])
    pins = tmp_path / "spool" / "pins"
    pins.mkdir(exist_ok=True)
    (pins / "confirm.000.json").write_text('{"kind": "A100"}')
    results = finished(runner, *PAIRS[:2], look=lambda: clock.move(seconds=PATIENCE_S / 2))
    assert [(result.end, result.attempts, result.node) for result in results.values()] == [
        (LegEnd.COMPLETED, 1, "H100")
    ] * 2
    assert (pins / "confirm.000.json").read_text() == '{"kind": "H100"}'


@pytest.mark.parametrize(
    ("leg", "group", "pin"),
    [
        (side(Role.INCUMBENT, 7), (), "confirm.007"),
        (side(Role.CHALLENGER, 7), (), "confirm.007"),
        (side(Role.PREVIOUS, 7), (), "confirm.007"),  # trained on the rows of a pair, to be compared with it
        (side(Role.CHALLENGER, 7), ("a", "b"), "confirm"),  # groups of one batch share pairs
        (side(Role.CANDIDATE, 7, purpose=Purpose.SEARCH), (), ""),
        (side(Role.INCUMBENT, 7, purpose=Purpose.REPLICATE), (), ""),
    ],
)
def test_what_is_compared_in_pairs_has_a_pin_in_common(leg, group, pin):
    assert pin_of(leg, group) == pin


def test_a_node_is_what_its_owner_calls_it_or_its_processor_and_the_gpus_that_are_seen(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA T4, 16 GiB, 550'\necho 'NVIDIA T4, 16 GiB, 550'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    processor = kind_of_node({"CUDA_VISIBLE_DEVICES": ""})
    assert kind_of_node({}) == f"{processor}, NVIDIA T4"
    assert kind_of_node({KIND: " c5.large "}) == "c5.large"
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 1\n")
    assert kind_of_node({}) == f"{processor}, GPUs unknown"
