"""Trains recipes: a process that a worker keeps and hands one leg folder after another, or a group of them.

Started by its path with the user's own interpreter, where retuned need not be installed: standard library and torch
only, Python 3.10 and up. Speaks JSON lines over two pipes (see `main`); torch and the recipe are loaded once.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...strategies.fused.batch_size import BatchChoice
    from ...strategies.recipe import Recipe
    from ...strategies.training.trial_run import Checkpoint, LegOrder, LegOutcome

HERE = Path(__file__).resolve().parent
STRATEGIES = HERE.parent.parent / "strategies"
DETAIL_LIMIT = 500
SPLIT_OF_PURPOSE = {"probe": "dev", "search": "dev", "replicate": "held_out", "confirm": "held_out"}


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
    _forget_own_folder()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    trainer = Trainer()
    with os.fdopen(arguments.in_fd) as requests, os.fdopen(arguments.out_fd, "w") as answers:
        _send(answers, {"ready": True})
        for line in requests:
            asked = json.loads(line)
            if "legs" in asked:
                trainer.train_group([Path(folder) for folder in asked["legs"]], lambda answer: _send(answers, answer))
            else:
                end, detail = trainer.train(Path(asked["leg"]))
                _send(answers, {"leg": asked["leg"], "end": end, "detail": detail})


def _forget_own_folder() -> None:
    """Python puts a script's folder first on the path; a recipe's `import config` must not find the daemon's."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]


def _send(answers: IO[str], message: Mapping[str, object]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    answers.write(json.dumps(message) + "\n")
    answers.flush()


class Trainer:
    """Trains legs; keeps the loaded recipes, with their data, from one leg to the next."""

    def __init__(self) -> None:
        """Imports torch now, before any leg's time runs; without it, every leg is told so."""
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
            return "crashed", _one_line(error)
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
        from retuned.strategies.fused import batch_size as capacity
        from retuned.strategies.fused import fused

        campaign = folders[0].parent.parent
        own = {_leg_name(folder): folder for folder in folders}
        names = _read_json(folders[0] / "leg.json")["group"]
        members = [own.get(name, folders[0].parent / f"{name}.a1") for name in names]
        order, recipe = self._prepared(folders[0])
        legs = [_read_json(folder / "leg.json") for folder in members]
        found = fused.run_legs(
            fused.Legs(
                recipe,
                [_leg_order(folder, leg, order) for folder, leg in zip(members, legs, strict=True)],
                [_checkpoint_of(leg) for leg in legs],
                lambda number, step, metrics: _report(members[number], step, metrics, names[number] in own),
                lambda number: _forget_reports(members[number], names[number] in own),
                time.monotonic,
            ),
            capacity.MachineMemory(_free_memory(), _cache_of_a_core()),
            lambda key, choose: _recalled(campaign / "fusing", key, choose),
        )
        for number, why in found.alone.items():
            print(f"{names[number]} is trained alone: {why}")  # noqa: T201 (goes to the legs' output)
        ended = {members[number]: outcome for number, outcome in found.outcomes.items() if names[number] in own}
        for folder, outcome in ended.items():
            _keep(outcome, _read_json(folder / "leg.json"))
        return ended, len(found.outcomes)

    def _train(self, folder: Path) -> "LegOutcome":
        from retuned.strategies.training import training

        leg = _read_json(folder / "leg.json")
        order, recipe = self._prepared(folder)
        leg_order, start = _leg_order(folder, leg, order), _checkpoint_of(leg)
        outcome = training.run_leg(recipe, leg_order, lambda *one: _report(folder, *one), time.monotonic, start)
        _keep(outcome, leg)
        return outcome

    def _prepared(self, folder: Path) -> "tuple[dict[str, Any], Recipe]":
        """The campaign's order and recipe, with the process set for a leg in this folder."""
        import torch

        order = _read_json(folder.parent.parent / "training.json")
        torch.set_num_threads(max(1, int(order.get("threads") or 1)))
        _enter(folder)
        return order, self._recipe(order["recipe"], order.get("data") or "")

    def _recipe(self, place: str, data: str) -> "Recipe":
        """The recipe of "file.py:Class" on these data, loaded on first use."""
        if (place, data) not in self.recipes:
            self.recipes[place, data] = load_recipe(place)(data)
        return self.recipes[place, data]


def make_strategies_importable(folder: Path = STRATEGIES) -> None:
    """Make this file's sibling folder `retuned.strategies`, installed or not, ahead of any other version of it.

    The trainer and the recipe then share one `Recipe` class; the rest of an installed retuned stays importable.
    """
    try:
        package = importlib.import_module("retuned")
    except ImportError:
        package = types.ModuleType("retuned")
        package.__path__ = []
        sys.modules["retuned"] = package
    name = "retuned.strategies"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    package.strategies = module  # type: ignore[attr-defined]


def load_recipe(place: str) -> "type[Recipe]":
    """The class of "file.py:Class"; the file's folder goes first on the path, so that it may import its neighbours.

    Raises InputError when there is no such file or class, or it is no recipe; an error in the file itself passes.
    """
    from retuned.strategies.errors import InputError
    from retuned.strategies.recipe import check_recipe

    file, _, name = place.rpartition(":")
    path = Path(file)
    if not file or not path.is_file():
        raise InputError(f"no recipe file in {place!r}", "file.py:Class", "correct [training] recipe in the model file")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    # A name of its own: a user's recipe.py must not meet another module called recipe.
    module_name = "retuned_recipe_" + hashlib.blake2b(file.encode(), digest_size=6).hexdigest()
    module = sys.modules.get(module_name) or _import_file(module_name, path)
    if not hasattr(module, name):
        raise InputError(f"no class {name} in {file}", "file.py:Class", "correct [training] recipe in the model file")
    return check_recipe(getattr(module, name), name)


def _import_file(module_name: str, path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _leg_order(folder: Path, leg: Mapping[str, Any], order: Mapping[str, Any]) -> "LegOrder":
    from retuned.strategies.training.trial_run import LegOrder

    return LegOrder(
        hyperparameters=_read_json(folder / "hyperparameters.json"),
        seed=leg["seed"],
        split_seed=leg["split_seed"],
        split=SPLIT_OF_PURPOSE[leg["purpose"]],
        unit=order["unit"],
        from_step=leg["from_step"],
        to_step=leg["to_step"],
        evaluate_every=order.get("evaluate_every"),
        skip_batches=leg.get("skip_batches", 0),
        is_guarded=leg.get("is_guarded", False),
        precision=order.get("precision", "float32"),
    )


def _leg_name(folder: Path) -> str:
    """The leg that a folder is an attempt at."""
    return folder.name.rpartition(".a")[0]


def _report(folder: Path, step: float, metrics: Mapping[str, float], is_wanted: bool = True) -> None:
    if is_wanted:
        with (folder / "report.jsonl").open("a", encoding="utf-8") as reports:
            reports.write(json.dumps({"step": step, "metrics": dict(metrics)}) + "\n")


def _forget_reports(folder: Path, is_wanted: bool) -> None:
    if is_wanted:
        (folder / "report.jsonl").unlink(missing_ok=True)


def _checkpoint_of(leg: Mapping[str, Any]) -> "Checkpoint | None":
    """The state that a leg starts from; weights_only, because a checkpoint is data, never code to run."""
    import torch

    start = leg.get("checkpoint_in")
    return torch.load(start, map_location="cpu", weights_only=True) if start else None


def _keep(outcome: "LegOutcome", leg: Mapping[str, Any]) -> None:
    """Write the checkpoint where one is wanted and there is one."""
    if leg.get("checkpoint_out") and outcome.checkpoint is not None:
        _save(outcome.checkpoint, Path(leg["checkpoint_out"]))


def _recalled(folder: Path, kind: str, choose: "Callable[[], BatchChoice]") -> "BatchChoice":
    """The choice on record for a kind of trials; else the one made now, unless another worker was quicker."""
    from retuned.strategies.fused.batch_size import BatchChoice

    path = folder / (hashlib.blake2b(kind.encode(), digest_size=12).hexdigest() + ".json")
    if not path.exists():
        made = choose()
        folder.mkdir(exist_ok=True)
        passing = path.with_name(f"{path.name}.{os.getpid()}")
        passing.write_text(json.dumps({"kind": kind, "is_fused": made.is_fused, "most": made.most, "why": made.why}))
        with contextlib.suppress(FileExistsError):
            os.link(passing, path)
        passing.unlink()
    found = _read_json(path)
    return BatchChoice(found["is_fused"], found["most"], found["why"])


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
    """Tells the seconds and the processor's seconds since it was made."""
    started, cpu_started = time.monotonic(), time.process_time()
    return lambda: {"seconds": time.monotonic() - started, "cpu_s": time.process_time() - cpu_started}


def _enter(folder: Path) -> None:
    """Point temporary files into the leg's own folder, which is swept with it."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None  # the module remembers the folder of the leg before


def _save(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write the checkpoint whole or not at all, and durably."""
    import torch

    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _one_line(error: BaseException) -> str:
    """What went wrong and where: the message of an InputError as it is, else with the last line outside of torch."""
    from retuned.strategies.errors import RetunedError

    message = " ".join(str(error).split())
    if isinstance(error, RetunedError):
        return message[:DETAIL_LIMIT]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    place = f" ({Path(frames[-1].filename).name} line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {message}"[:DETAIL_LIMIT] + place


def _is_users(filename: str) -> bool:
    """Whether a frame is the user's code: not a library's, not Python's, not ours."""
    path = Path(filename)
    foreign = ("site-packages", "dist-packages", f"python{sys.version_info.major}.{sys.version_info.minor}")
    is_ours = path.parent == HERE or path.is_relative_to(STRATEGIES)
    return path.is_file() and not is_ours and not any(part in foreign for part in path.parts)


if __name__ == "__main__":
    main()
