"""Whether trials are fused, and how many at once: by number, by layers, by memory."""

import pytest
import torch
from retuned.strategies.fused.models_per_batch import MachineMemory, choose_batch
from retuned.strategies.recipe import Recipe
from retuned.strategies.training.trial_run import LegOrder, TrialRun
from torch import nn

ROOMY = MachineMemory(memory_bytes=2**32, cache_bytes=2**20)


class Line(Recipe):
    batch_size = 10
    layers = (nn.Linear,)

    def data(self, split, seed):
        inputs = torch.linspace(-1, 1, 100).unsqueeze(1)
        return inputs, 2 * inputs

    def model(self, hyperparameters):
        return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))

    def loss(self, model, batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    def metrics(self, model, data):
        return {"loss": 0.0}


class Convolving(Line):
    def model(self, hyperparameters):
        return nn.Sequential(nn.Unflatten(1, (1, 1)), nn.Conv1d(1, 1, 1), nn.Flatten(), nn.Linear(1, 1))


class Large(Line):
    def model(self, hyperparameters):
        return nn.Sequential(nn.Linear(1, 2_000_000), nn.Linear(2_000_000, 1))


def chosen(recipe, trials, to_step, memory=ROOMY):
    states = (torch.get_rng_state(), None)

    def make(number):
        orders = [LegOrder({"lr": 0.01}, seed, 1, "dev", "steps", 0.0, to_step) for seed in range(number)]
        return [(TrialRun(recipe, order, lambda: 0.0), states) for order in orders]

    return choose_batch(make, trials, memory)


@pytest.mark.parametrize(
    ("recipe", "trials", "to_step", "is_fused", "why"),
    [
        (Line, 8, 100, True, "small layers"),
        (Line, 3, 100, False, "3 times 100 updates are too few"),
        (Convolving, 8, 100, False, "Conv1d gains little"),
        (Large, 2, 300, False, "60 million products"),
    ],
)
def test_trainings_are_fused_by_a_rule(recipe, trials, to_step, is_fused, why):
    choice = chosen(recipe(""), trials, to_step)
    assert choice.is_fused is is_fused
    assert why in choice.why


def test_no_more_are_fused_than_fit_in_memory():
    assert chosen(Line(""), 64, 100).most == 64
    assert chosen(Line(""), 64, 100, MachineMemory(memory_bytes=60_000, cache_bytes=2**20)).most < 8
