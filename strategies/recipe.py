"""What a user writes to have a torch model trained by retuned, and how its rows are split.

A recipe says what the data, the model, the loss and the metrics are; retuned owns the optimiser, the loop, the
checkpoints and the seeds. Runs in the user's own interpreter: standard library and torch only, Python 3.10 and up.
"""

import random
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from .errors import InputError

Hyperparameters = Mapping[str, Any]
"""Values by name, as in hyperparameters.json; a schedule is a list of [step, value] points."""

SPLITS = ("train", "dev", "held_out")
REQUIRED = ("data", "model", "loss", "metrics")


class Recipe:
    """The training of one model on one data set. Subclass it and define `data`, `model`, `loss` and `metrics`.

    The attributes are defaults: a hyperparameter of the same name wins. `optimizer` is "sgd" (reads lr, momentum,
    nesterov, weight_decay) or "adamw" (reads lr, beta1, beta2, weight_decay); each value may be a schedule. With a
    hyperparameter clip_norm, longer gradients are scaled down to that norm (0: never).
    `drop_last` skips the last, smaller batch of an epoch (batch normalisation fails on a batch of one row).
    """

    batch_size: int = 64
    optimizer: str = "sgd"
    drop_last: bool = False

    def __init__(self, data: str) -> None:
        """`data`: where the data are. One instance serves many trials, so load the data once, here or on first use."""
        self.data_path = data

    def data(self, split: str, seed: int) -> tuple[Tensor, ...]:
        """Tensors with one row per example in their first dimension; `split` is "train", "dev" or "held_out".

        `seed` is the split seed: the same one gives the same rows. `draw_rows` does this for a table.
        """
        raise self._lacks("data(split, seed)")

    def model(self, hyperparameters: Hyperparameters) -> nn.Module:
        """A new model; torch's global generator is already seeded."""
        raise self._lacks("model(hyperparameters)")

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """The scalar to minimise; `batch` holds rows of each tensor of `data("train", seed)`."""
        raise self._lacks("loss(model, batch)")

    def metrics(self, model: nn.Module, data: tuple[Tensor, ...]) -> dict[str, float]:
        """Metrics by name on all rows of a dev or held-out split; called in eval mode, without gradients."""
        raise self._lacks("metrics(model, data)")

    def _lacks(self, method: str) -> InputError:
        return InputError(
            f"recipe {type(self).__name__} has no method {method}",
            f"a recipe defines {', '.join(REQUIRED)}",
            "add it to the class; retuned/strategies/recipe.py says what each returns",
        )


def check_recipe(candidate: object, name: str) -> type[Recipe]:
    """The recipe class. Raises InputError naming what it lacks."""
    if not (isinstance(candidate, type) and issubclass(candidate, Recipe)):
        raise InputError(
            f"{name} is not a recipe",
            "a recipe is a subclass of retuned.strategies.recipe.Recipe",
            f"write `class {name}(Recipe):`, or name another class in [training] recipe",
        )
    lacking = [method for method in REQUIRED if getattr(candidate, method) is getattr(Recipe, method)]
    if lacking:
        raise InputError(
            f"recipe {name} has no {' and no '.join(lacking)}",
            f"a recipe defines {', '.join(REQUIRED)}",
            "add it to the class; retuned/strategies/recipe.py says what each returns",
        )
    return candidate


def draw_rows(
    n_rows: int,
    split: str,
    seed: int,
    *,
    train: int,
    dev: int,
    slices: int = 32,
    keep: float | None = None,
) -> Tensor:
    """Row numbers (R,) of one split of a table, drawn with the split seed.

    The table is partitioned once, at random but independently of the seed, into `train` rows, `dev` rows and the
    held-out rest. Then, by seed:
    - train: a bootstrap of the train rows (as many, with replacement), or with `keep` a fraction without it;
    - dev: always all of them, so that a search compares its trials on the same rows;
    - held_out: the slice number `seed % slices` of `slices` disjoint slices of equal size.

    Why disjoint slices: the verdict treats the pairs of a confirmation as independent. If every pair were scored
    on the same held-out rows, or on overlapping samples, the luck of those rows would affect all pairs alike without
    showing in the spread between them; an unchanged model would then be called stale far more often than stated.
    retuned assigns consecutive split seeds, so the first `slices` pairs share no row: keep `slices` at or above the
    largest number of pairs (32), with enough rows in each slice for a meaningful score.
    All pairs still share the pool of train rows; the error rate is conditional on this window of data.
    """
    _check_split(n_rows, split, train, dev, slices, keep)
    rows = _shuffled(n_rows)
    if split == "dev":
        return rows[train : train + dev]
    if split == "held_out":
        held_out = rows[train + dev :]
        size = len(held_out) // slices
        first = (seed % slices) * size
        return held_out[first : first + size]
    generator = torch.Generator().manual_seed(seed)
    if keep is None:
        return rows[torch.randint(train, (train,), generator=generator)]
    return rows[torch.randperm(train, generator=generator)[: max(1, round(keep * train))]]


def _check_split(n_rows: int, split: str, train: int, dev: int, slices: int, keep: float | None) -> None:
    if split not in SPLITS:
        raise InputError(f"split {split!r}", f"allowed: {', '.join(SPLITS)}", "correct the call of draw_rows")
    if train < 1 or dev < 1 or slices < 1:
        raise InputError(
            f"draw_rows with train={train}, dev={dev}, slices={slices}", "each must be at least 1", "correct the recipe"
        )
    if keep is not None and not 0 < keep <= 1:
        raise InputError(f"keep={keep}", "a fraction above 0 and at most 1, or None", "correct the call of draw_rows")
    left = n_rows - train - dev
    if left < slices:
        raise InputError(
            f"{n_rows} rows leave {max(left, 0)} held out after {train} to train and {dev} for development",
            f"at least one held-out row in each of {slices} slices",
            "use more data, or lower train, dev or slices in the recipe",
        )


@lru_cache(maxsize=4)
def _shuffled(n_rows: int) -> Tensor:
    """A fixed permutation of the rows, (n_rows,). By Python's generator, whose `random()` sequence is the same in every
    version: a new torch must not move rows between train and held-out."""
    generator = random.Random(n_rows)
    keys = [generator.random() for _ in range(n_rows)]
    return torch.tensor(sorted(range(n_rows), key=keys.__getitem__))
