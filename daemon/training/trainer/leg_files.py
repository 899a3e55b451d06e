"""The files of a leg's folder, as the trainer reads and writes them.

What reads JSON and syncs here stands in daemon/durable_files.py too, which cannot be imported: this runs in the user's
interpreter, which may be older than ours and hold another retuned, and of ours it takes retuned.strategies and
daemon/masking.py alone.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ....strategies.fused.models_per_batch import BatchChoice
    from ....strategies.training.trial_run import Checkpoint, LegOrder, LegOutcome

MASKING = Path(__file__).resolve().parents[2] / "masking.py"  # standard library alone
SPLIT_OF_PURPOSE = {"probe": "dev", "search": "dev", "replicate": "held_out", "confirm": "held_out"}


def order_of_leg(folder: Path, leg: Mapping[str, Any], order: Mapping[str, Any]) -> "LegOrder":
    """What the training loop is asked for: from leg.json and the campaign's training.json."""
    from retuned.strategies.training.trial_run import LegOrder

    return LegOrder(
        hyperparameters=read_json(folder / "hyperparameters.json"),
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


def leg_name(folder: Path) -> str:
    """The leg that a folder is an attempt at."""
    return folder.name.rpartition(".a")[0]


def write_report(folder: Path, step: float, metrics: Mapping[str, float], is_wanted: bool = True) -> None:
    """Append one report, unless it `is_wanted` by no one: the leg is trained as company."""
    if is_wanted:
        with (folder / "report.jsonl").open("a", encoding="utf-8") as reports:
            reports.write(json.dumps({"step": step, "metrics": dict(metrics)}) + "\n")


def forget_reports(folder: Path, is_wanted: bool) -> None:
    """Delete the reports of a leg that begins anew, unless it is trained as company."""
    if is_wanted:
        (folder / "report.jsonl").unlink(missing_ok=True)


def checkpoint_of(leg: Mapping[str, Any]) -> "Checkpoint | None":
    """The state that a leg starts from; weights_only, because a checkpoint is data, never code to run."""
    import torch

    start = leg.get("checkpoint_in")
    return torch.load(start, map_location="cpu", weights_only=True) if start else None


def keep_checkpoint(outcome: "LegOutcome", leg: Mapping[str, Any]) -> None:
    """Write the checkpoint where one is wanted and there is one."""
    if leg.get("checkpoint_out") and outcome.checkpoint is not None:
        _save(outcome.checkpoint, Path(leg["checkpoint_out"]))


def mask_of_campaign(order: Mapping[str, Any]) -> Callable[[str], str]:
    """Masks secrets in what is recorded, those of the campaign's pass_env too, as our other processes do."""
    name = "retuned_masking"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, MASKING)
        if spec is None or spec.loader is None:
            raise ImportError(f"no module in {MASKING}")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    mask: Callable[[str], str] = sys.modules[name].mask_of(os.environ, order.get("pass_env") or ())
    return mask


def choice_on_record(
    folder: Path, kind: str, choose: "Callable[[], BatchChoice]", mask: Callable[[str], str]
) -> "BatchChoice":
    """The choice on record for a kind of trials; else the one made now, unless another worker was quicker.

    The kind and the reason name what stands in the user's code and values, and are masked.
    """
    from retuned.strategies.fused.models_per_batch import BatchChoice

    path = folder / (hashlib.blake2b(kind.encode(), digest_size=12).hexdigest() + ".json")
    if not path.exists():
        choice = choose()
        folder.mkdir(exist_ok=True)
        passing = path.with_name(f".{path.name}.{os.getpid()}.part")  # as durable_files names them
        passing.write_text(
            json.dumps({"kind": mask(kind), "is_fused": choice.is_fused, "most": choice.most, "why": mask(choice.why)})
        )
        with contextlib.suppress(FileExistsError):
            os.link(passing, path)
        passing.unlink()
    record = read_json(path)
    return BatchChoice(record["is_fused"], record["most"], record["why"])


def enter(folder: Path) -> None:
    """Point temporary files into the leg's own folder, which is swept with it."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None  # the module remembers the folder of the leg before


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


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
