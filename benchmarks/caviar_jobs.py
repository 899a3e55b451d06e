"""The trainings of benchmarks/caviar.py: recipes on scikit-learn's digits, and random configurations.

The plain loop is written out by hand, as a user of another tool would write it: it owes nothing to retuned.
"""

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from retuned.strategies.recipe import Recipe
from torch import nn

BATCH, EPOCHS, TRAIN = 64, 20, 1437

Configuration = dict[str, float]


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """1797 images (R, 64), scaled to 0..1 and shuffled once, and their digits (R,)."""
    from sklearn.datasets import load_digits

    images, target = load_digits(return_X_y=True)
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(0))
    return torch.tensor(images / 16, dtype=torch.float32)[order], torch.tensor(target)[order]


class Digits(Recipe):
    """A perceptron of one hidden layer; the subclasses differ in the model."""

    batch_size = BATCH
    width = 128
    device = "cpu"

    def data(self, split: str, seed: int) -> tuple[torch.Tensor, ...]:
        """The first 1437 train, the others evaluate."""
        rows = slice(0, TRAIN) if split == "train" else slice(TRAIN, None)
        inputs, target = digits()
        return inputs[rows].to(self.device), target[rows].to(self.device)

    def layers(self) -> nn.Module:
        """The model, on the processor."""
        return nn.Sequential(nn.Linear(64, self.width), nn.ReLU(), nn.Linear(self.width, 10))

    def model(self, hyperparameters: Any) -> nn.Module:  # noqa: ANN401 (the recipe's own signature)
        """The model on its device."""
        return self.layers().to(self.device)

    def loss(self, model: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Cross entropy."""
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def metrics(self, model: nn.Module, data: tuple[torch.Tensor, ...]) -> dict[str, float]:
        """The share of digits that are told right."""
        return {"accuracy": (model(data[0]).argmax(1) == data[1]).float().mean().item()}


class Wide(Digits):
    """1024 units: arithmetic is the limit."""

    width = 1024


class OnGpu(Digits):
    """The perceptron on a GPU."""

    device = "cuda"


class Convolutions(Digits):
    """A small convolutional net."""

    def layers(self) -> nn.Module:
        """Two convolutions of 8 x 8 images."""
        return nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
        )  # fmt: skip


class Tokens(nn.Module):
    """A transformer of two layers that reads an image line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Linear(8, 32)
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True) for _ in range(2))
        self.head = nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10)."""
        tokens = self.lift(images.unflatten(1, (8, 8)))  # (B, 8, 32)
        for block in self.blocks:
            tokens = block(tokens)
        logits: torch.Tensor = self.head(tokens.mean(1))
        return logits


class Transformer(Digits):
    """Two layers of attention."""

    def layers(self) -> nn.Module:
        """The transformer."""
        return Tokens()


def configurations(count: int, seed: int = 0) -> list[Configuration]:
    """Random ones: lr 1e-4..1, momentum 0..0.99, weight decay 1e-6..1e-2."""
    draw = random.Random(seed)
    return [
        {
            "lr": 10 ** draw.uniform(-4, 0),
            "momentum": draw.uniform(0, 0.99),
            "weight_decay": 10 ** draw.uniform(-6, -2),
        }
        for _ in range(count)
    ]


def steps_of(epochs: int) -> int:
    """Updates of one trial."""
    return epochs * -(-TRAIN // BATCH)


def plain_trial(
    configuration: Configuration,
    epochs: int = EPOCHS,
    told: Callable[[int, float], None] = lambda epoch, accuracy: None,
) -> float:
    """The accuracy after training by hand, on a processor; `told(epoch, accuracy)` after each epoch."""
    return max((told(epoch, accuracy) or accuracy for epoch, accuracy in _epochs(configuration, epochs)), default=0.0)


def _epochs(configuration: Configuration, epochs: int) -> Iterator[tuple[int, float]]:
    recipe = Digits("")
    (inputs, target), held_out = recipe.data("train", 0), recipe.data("dev", 0)
    torch.manual_seed(1)
    model = recipe.model({})
    optimizer = torch.optim.SGD(model.parameters(), **configuration)
    for epoch in range(epochs):
        order = torch.randperm(TRAIN)
        for start in range(0, TRAIN, BATCH):
            rows = order[start : start + BATCH]
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(inputs[rows]), target[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = recipe.metrics(model, held_out)["accuracy"]
        model.train()
        yield epoch, accuracy
