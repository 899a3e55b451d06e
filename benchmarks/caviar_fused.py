"""retuned's side of benchmarks/caviar.py: fused trials in processes that are up and warm."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from caviar_jobs import EPOCHS, Configuration
from retuned.daemon.campaign.leg_runs import POLL_S
from retuned.daemon.clock import SystemClock
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.strategies.fused.fused import Fused, Legs, run_legs
from retuned.strategies.fused.models_per_batch import BatchChoice, MachineMemory
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegRequest, Purpose, Role
from retuned.strategies.training.training import warm_up
from retuned.strategies.training.trial_run import LegOrder

HERE = Path(__file__).resolve().parent
MACHINE = MachineMemory(memory_bytes=2 << 30, cache_bytes=1 << 20)
FORCED = BatchChoice(True, 512, "forced")


def fuse(
    recipe: str, given: Sequence[Configuration], epochs: int, forced: BatchChoice | None = FORCED, seeds: str = "common"
) -> tuple[float, Fused, list[BatchChoice]]:
    """Seconds, outcomes and choices of trials fused in this process. `forced` None: as it would be chosen."""
    import caviar_jobs

    own = seeds == "own"
    orders = [
        LegOrder(one, 1 + own * number, 2, "dev", "epochs", 0.0, epochs) for number, one in enumerate(given)
    ]  # fmt: skip
    choices: list[BatchChoice] = []

    def recall(key: str, choose: Any) -> BatchChoice:  # noqa: ANN401
        choices.append(forced or choose())
        return choices[-1]

    legs = Legs(
        getattr(caviar_jobs, recipe)(""),
        orders,
        [None] * len(orders),
        lambda *_: None,
        lambda _: None,
        time.perf_counter,
    )
    started = time.perf_counter()
    found = run_legs(legs, MACHINE, recall)
    return time.perf_counter() - started, found, choices


def chosen(recipe: str, given: Sequence[Configuration], epochs: int) -> BatchChoice:
    """What would be chosen for these trials, which are then not trained."""
    import caviar_jobs

    choices: list[BatchChoice] = []

    def recall(key: str, choose: Any) -> BatchChoice:  # noqa: ANN401
        choices.append(choose())
        return BatchChoice(False, 1, "only asked")

    orders = [LegOrder(one, 1, 2, "dev", "epochs", 0.0, epochs) for one in given]
    clock, known = time.perf_counter, [None] * len(orders)
    run_legs(
        Legs(getattr(caviar_jobs, recipe)(""), orders, known, lambda *_: None, lambda _: None, clock), MACHINE, recall
    )
    return choices[0]


class Pair:
    """Two processes with one thread each, as two workers of a campaign."""

    def __enter__(self) -> "Pair":
        self.pool = multiprocessing.get_context("spawn").Pool(2, _warm)
        self.pool.map(_nap, range(8), chunksize=1)
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.terminate()

    def fuse(self, recipe: str, given: Sequence[Configuration], epochs: int, seeds: str = "common") -> float:
        """Seconds for all trials, half of them in each process; raises when some were not fused."""
        halves = [given[0::2], given[1::2]]
        started = time.perf_counter()
        alone = self.pool.starmap(_half, [(recipe, half, epochs, seeds) for half in halves], chunksize=1)
        seconds = time.perf_counter() - started
        assert alone == [{}, {}], alone
        return seconds

    def loop(self, recipe: str, given: Sequence[Configuration], epochs: int) -> float:
        """Seconds for all trials one after another, half of them in each process, by retuned's own plain loop."""
        started = time.perf_counter()
        self.pool.starmap(_alone, [(recipe, [one], epochs) for one in given], chunksize=1)
        return time.perf_counter() - started


class Campaign:
    """A spool with two warm workers, as a campaign has them; `fuse` "auto" or "off"."""

    def __init__(self, fuse: str, command: tuple[str, ...] | None = None) -> None:
        self.folder = tempfile.TemporaryDirectory()
        recipe = None if command else f"{HERE / 'caviar_jobs.py'}:Digits"
        order = TrainingOrder(
            "command" if command else "recipe", command, recipe, sys_python(), str(HERE), "", "epochs", None, 600.0, 1,
            groups=2 if fuse == "auto" else 0,
        )  # fmt: skip
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        metric = Objective("accuracy", lower_is_better=False)
        self.runner = LocalRunner(Path(self.folder.name), order, metric, 2, environment, SystemClock())
        self.count = 0

    def run(self, given: Sequence[Configuration], epochs: float) -> float:
        """Seconds from the order to the last result."""
        self.count += 1
        requests = [
            LegRequest(
                f"l{self.count}.{number}",
                "t",
                Purpose.SEARCH,
                one,
                1,
                2,
                0.0,
                epochs,
                role=Role.CANDIDATE,
                number=number,
            )
            for number, one in enumerate(given)
        ]
        started = time.perf_counter()
        self.runner.submit(requests)
        ended: dict[str, Any] = {}
        while len(ended) < len(requests):
            ended |= self.runner.poll()
            time.sleep(POLL_S)
        seconds = time.perf_counter() - started
        assert {one.end.value for one in ended.values()} <= {"completed", "diverged"}, ended
        return seconds

    def run_warm(self, given: Sequence[Configuration], epochs: float) -> float:
        """The same with workers that are up: they end when they have been idle for half a minute."""
        self.run(given, 1.0)
        return self.run(given, epochs)

    def close(self) -> None:
        """End the workers."""
        self.runner.stop()
        self.folder.cleanup()


def sys_python() -> str:
    """The interpreter that trains."""
    import sys

    return sys.executable


def gemm_peak(threads: int) -> float:
    """Products and sums a second of the machine's matrix product, single precision, 1024 x 1024: the best of ten."""
    torch.set_num_threads(threads)
    one, other = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = min(_seconds(lambda: one @ other) for _ in range(10))
    torch.set_num_threads(1)
    return float(2 * 1024**3 / best)


def plain_rate(recipe: str, epochs: int) -> float:
    """Trial-steps a second of retuned's plain loop in this process."""
    from caviar_jobs import configurations, steps_of

    _alone(recipe, configurations(1), 1)
    seconds = _seconds(lambda: _alone(recipe, configurations(2), epochs))
    return 2 * steps_of(epochs) / seconds


def products_of(width: int, batch: int = 64) -> int:
    """Products and sums of one update of the perceptron: twice backwards what it is forwards, no gradient of inputs."""
    first, second = 2 * batch * 64 * width, 2 * batch * width * 10
    return 2 * first + 3 * second


def _seconds(act: Any) -> float:  # noqa: ANN401
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _warm() -> None:
    torch.set_num_threads(1)
    warm_up()
    fuse("Digits", [{"lr": 0.1}, {"lr": 0.2}], 3)


def _nap(number: int) -> int:
    time.sleep(0.05)
    return number


def _half(recipe: str, given: Sequence[Configuration], epochs: int, seeds: str) -> dict[int, str]:
    return dict(fuse(recipe, given, epochs, seeds=seeds)[1].alone)


def _alone(recipe: str, given: Sequence[Configuration], epochs: int = EPOCHS) -> None:
    import caviar_jobs
    from retuned.strategies.training.training import run_leg

    for one in given:
        order = LegOrder(one, 1, 2, "dev", "epochs", 0.0, epochs)
        run_leg(getattr(caviar_jobs, recipe)(""), order, lambda *_: None, time.perf_counter)
