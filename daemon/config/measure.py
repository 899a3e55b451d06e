"""What a model's scores are measured by, as its file declares it: scores measured otherwise are not compared."""

import os
from collections.abc import Mapping
from pathlib import Path

from .model_file import ModelFile


def measure_of(file: ModelFile, folder: Path | None = None) -> Mapping[str, str]:
    """What a score depends on, in words, by name; the data's path from `folder`, where one is given."""
    budget = file.training.budget
    data = "" if file.data is None else str(file.data.path or file.data.glob)
    return {
        "metric": file.goal.metric,
        "direction": file.goal.direction,
        "data": os.path.relpath(data, folder) if data and folder is not None else data or "none",
        "split": "none" if file.data is None or file.data.split is None else file.data.split.in_words(),
        "source": file.goal.found_in,
        "budget": f"{budget.amount:g} {budget.unit.value}",
    }


def changes_of_measure(before: ModelFile, file: ModelFile, folders: tuple[Path, Path]) -> tuple[str, ...]:
    """What changed in it, as 'metric acc -> f1'; empty where scores of both versions may be compared.

    `folders`: those of the two model files. Data that moved together with its model file is the same data.
    """
    old, new = measure_of(before), measure_of(file)
    near, now_near = measure_of(before, folders[0]), measure_of(file, folders[1])
    names = [name for name in new if old[name] != new[name] and near[name] != now_near[name]]
    return tuple(f"{name} {old[name]} -> {new[name]}" for name in names)
