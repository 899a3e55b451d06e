"""Trains recipes: a process that a worker keeps and hands one leg folder after another, or a group of them.

Runs in the user's own interpreter, where retuned need not be installed: standard library and torch only, Python 3.10
and up. Speaks JSON lines over two pipes (see `main`); torch and the recipe are loaded once.
"""

import argparse
import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .leg_files import (
    checkpoint_of,
    choice_on_record,
    enter,
    forget_reports,
    keep_checkpoint,
    leg_name,
    mask_of_campaign,
    order_of_leg,
    read_json,
    write_report,
)
from .recipes import load_recipe, make_strategies_importable, one_line

if TYPE_CHECKING:
    from ....strategies.recipe import Recipe
    from ....strategies.training.trial_run import LegOutcome


def main() -> None:
    """Say {"ready": true}, then answer each {"leg": folder} with {"leg", "end", "detail"} until the pipe closes.

    {"legs": folders} asks for a group; each of them is answered as soon as it has ended, with its seconds and cpu_s.
    """
    parser = argparse.ArgumentParser(description="Trains recipes for a retuned worker.")
    parser.add_argument("--in-fd", type=int, required=True)
    parser.add_argument("--out-fd", type=int, required=True)
    arguments = parser.parse_args()
    for descriptor in (arguments.in_fd, arguments.out_fd):
        os.set_inheritable(descriptor, False)  # a process that a recipe starts must not hold the worker's pipes
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    trainer = Trainer()
    with os.fdopen(arguments.in_fd) as requests, os.fdopen(arguments.out_fd, "w") as answers:
        _send(answers, {"ready": True})
        for line in requests:
            request = json.loads(line)
            if "legs" in request:
                trainer.train_group([Path(folder) for folder in request["legs"]], lambda answer: _send(answers, answer))
            else:
                end, detail = trainer.train(Path(request["leg"]))
                _send(answers, {"leg": request["leg"], "end": end, "detail": detail})


def _send(answers: IO[str], message: Mapping[str, object]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    answers.write(json.dumps(message) + "\n")
    answers.flush()


class Trainer:
    """Trains legs; keeps the loaded recipes, with their data, from one leg to the next."""

    def __init__(self) -> None:
        """Imports torch now, before any leg's time runs; without it, every leg is answered with that."""
        make_strategies_importable()
        self.unusable = ""
        self.recipes: dict[tuple[str, str], Recipe] = {}
        try:
            importlib.import_module("retuned.strategies.training.training").warm_up()
        except ImportError as error:
            traceback.print_exc()
            self.unusable = (
                f"{sys.executable} cannot train a recipe: {error}; it needs torch; "
                "install it there, or name another interpreter in [training] python"
            )

    def train(self, folder: Path) -> tuple[str, str]:
        """The leg's end ("completed", "diverged" or "crashed") and one line of detail; a traceback goes to stderr."""
        if self.unusable:
            return "crashed", self.unusable
        try:
            outcome = self._train(folder)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return "crashed", one_line(error)
        return outcome.end, outcome.detail

    def train_group(self, folders: Sequence[Path], answer: Callable[[Mapping[str, object]], None]) -> None:
        """Train legs of one group, as batches where that works and else one after another, and answer for each."""

        def account(folder: Path, end: str, detail: str, cost: Mapping[str, float]) -> None:
            answer({"leg": str(folder), "end": end, "detail": detail, **cost})
            waiting.remove(folder)

        waiting, spent = list(folders), _stopwatch()
        if not self.unusable:
            try:
                ended, trained = self._fuse(folders)
                cost = {name: value / max(1, trained) for name, value in spent().items()}
                for folder, outcome in ended.items():
                    account(folder, outcome.end, outcome.detail, cost)
            except (Exception, SystemExit):
                traceback.print_exc()  # whatever it was, each of them is now tried alone
        for folder in tuple(waiting):
            (folder / "report.jsonl").unlink(missing_ok=True)
            spent = _stopwatch()
            account(folder, *self.train(folder), spent())

    def _fuse(self, folders: Sequence[Path]) -> "tuple[dict[Path, LegOutcome], int]":
        """The outcomes of those that could be trained as batches, their checkpoints written, and how many were trained.

        That may be more: the whole group is, where only a part of it is asked for, because rounding depends on the
        company.
        """
        from retuned.strategies.fused import fused, models_per_batch

        campaign = folders[0].parent.parent
        own = {leg_name(folder): folder for folder in folders}
        names = read_json(folders[0] / "leg.json")["group"]
        members = [own.get(name, folders[0].parent / f"{name}.a1") for name in names]
        order, recipe = self._prepared(folders[0])
        legs = [read_json(folder / "leg.json") for folder in members]
        result = fused.run_legs(
            fused.Legs(
                recipe,
                [order_of_leg(folder, leg, order) for folder, leg in zip(members, legs, strict=True)],
                [checkpoint_of(leg) for leg in legs],
                lambda number, step, metrics: write_report(members[number], step, metrics, names[number] in own),
                lambda number: forget_reports(members[number], names[number] in own),
                time.monotonic,
            ),
            models_per_batch.MachineMemory(_free_memory(), _cache_of_a_core()),
            lambda key, choose: choice_on_record(campaign / "fusing", key, choose, mask_of_campaign(order)),
        )
        for number, why in result.alone.items():
            print(f"{names[number]} is trained alone: {why}")  # noqa: T201 (goes to the legs' output)
        ended = {members[number]: outcome for number, outcome in result.outcomes.items() if names[number] in own}
        for folder, outcome in ended.items():
            keep_checkpoint(outcome, read_json(folder / "leg.json"))
        return ended, len(result.outcomes)

    def _train(self, folder: Path) -> "LegOutcome":
        from retuned.strategies.training import training

        leg = read_json(folder / "leg.json")
        order, recipe = self._prepared(folder)
        asked, start = order_of_leg(folder, leg, order), checkpoint_of(leg)
        outcome = training.run_leg(
            recipe, asked, lambda step, metrics: write_report(folder, step, metrics), time.monotonic, start
        )
        keep_checkpoint(outcome, leg)
        return outcome

    def _prepared(self, folder: Path) -> "tuple[dict[str, Any], Recipe]":
        """The campaign's order and recipe, with the process set for a leg in this folder."""
        import torch

        order = read_json(folder.parent.parent / "training.json")
        torch.set_num_threads(max(1, int(order.get("threads") or 1)))
        enter(folder)
        return order, self._recipe(order["recipe"], order.get("data") or "")

    def _recipe(self, place: str, data: str) -> "Recipe":
        """The recipe of "file.py:Class" on these data, loaded on first use."""
        if (place, data) not in self.recipes:
            self.recipes[place, data] = load_recipe(place)(data)
        return self.recipes[place, data]


def _free_memory() -> int:
    """Bytes that the machine can still give."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 30


def _cache_of_a_core() -> int:
    """Bytes of a core's second cache; 1 MiB where the kernel does not tell."""
    with contextlib.suppress(OSError, ValueError):
        return 1024 * int(Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip().removesuffix("K"))
    return 1 << 20


def _stopwatch() -> "Callable[[], dict[str, float]]":
    """A function that gives the seconds and the processor's seconds since now."""
    started, cpu_started = time.monotonic(), time.process_time()
    return lambda: {"seconds": time.monotonic() - started, "cpu_s": time.process_time() - cpu_started}
