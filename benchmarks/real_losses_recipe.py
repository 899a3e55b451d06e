"""The trainings of real_losses.py: small networks with six hyperparameters on a table of numbers, as a user has them.

The table is a CSV without a header: inputs, then the target. The kind of target is the class.
"""

import csv
import math
from collections.abc import Mapping
from typing import Any

import torch
from retuned.strategies.recipe import Recipe, draw_rows
from torch import Tensor, nn

SLICES = 32  # as many as a confirmation has pairs


class Table(Recipe):
    """A network of one hidden layer with dropout. `skill` is 1 for perfect, 0 for knowing the target's spread only."""

    batch_size = 32
    train_share, dev_share = 0.45, 0.15
    hidden, outputs = 32, 1

    def __init__(self, data: str) -> None:
        super().__init__(data)
        with open(data, newline="") as file:
            rows = torch.tensor([[float(field) for field in row] for row in csv.reader(file)])
        self.inputs, self.target = rows[:, :-1], rows[:, -1:]  # (R, F), (R, 1)
        self.useless = self.loss_of_none()

    def data(self, split: str, seed: int) -> tuple[Tensor, ...]:
        train, dev = (round(share * len(self.inputs)) for share in (self.train_share, self.dev_share))
        rows = draw_rows(len(self.inputs), split, seed, train=train, dev=dev, slices=SLICES)
        return self.inputs[rows], self.target[rows]

    def model(self, hyperparameters: Mapping[str, Any]) -> nn.Module:
        first = nn.Linear(self.inputs.shape[1], self.hidden)
        last = nn.Linear(self.hidden, self.outputs)
        with torch.no_grad():
            for layer in (first, last):
                layer.weight *= hyperparameters["init_scale"]
        return nn.Sequential(first, nn.ReLU(), nn.Dropout(hyperparameters["dropout"]), last)

    def metrics(self, model: nn.Module, data: tuple[Tensor, ...]) -> dict[str, float]:
        return {"skill": 1 - self.loss(model, data).item() / self.useless}

    def loss_of_none(self) -> float:
        """The loss of a model that knows the target's spread only."""
        raise NotImplementedError


class Yes(Table):
    """A target that is 1 or 0."""

    def loss_of_none(self) -> float:
        share = float(self.target.mean())
        return -share * math.log(share) - (1 - share) * math.log(1 - share)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(model(batch[0]), batch[1])


class Amount(Table):
    """A number of spread 1."""

    def loss_of_none(self) -> float:
        return float(self.target.var(correction=0))

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.mse_loss(model(batch[0]), batch[1])


class Digit(Table):
    """One of ten."""

    outputs = 10

    def loss_of_none(self) -> float:
        return math.log(10)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1][:, 0].long())
