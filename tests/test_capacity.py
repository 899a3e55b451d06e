"""Whether trials are fused, and how many at once: by number, by layers, by memory, by a probe."""

from itertools import chain, count, repeat

import pytest
import torch
from retuned.strategies.capacity import PROBE_STEPS, Machine, choose
from retuned.strategies.recipe import Recipe
from retuned.strategies.trial_run import LegOrder, TrialRun
from torch import nn

ROOMY = Machine(memory_bytes=2**32, cache_bytes=2**20)


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


def chosen(recipe, trials, to_step, machine=ROOMY, ticks=None):
    """The choice by a clock that goes on by the next of `ticks`, a second in all but for them, at each look."""
    states = (torch.get_rng_state(), None)

    def make(number):
        orders = [LegOrder({"lr": 0.01}, seed, 1, "dev", "steps", 0.0, to_step) for seed in range(number)]
        return [(TrialRun(recipe, order, lambda: 0.0), states) for order in orders]

    times = iter(count(0.0, 1e-6)) if ticks is None else running(ticks)
    return choose(make, trials, machine, lambda: next(times))


def running(ticks):
    now = 0.0
    for tick in ticks:
        yield now
        now += tick


# Short trainings, by a clock that hardly moves.
@pytest.mark.parametrize(
    ("recipe", "trials", "to_step", "is_fused", "why"),
    [
        (Line, 8, 100, True, "small layers"),
        (Line, 3, 100, False, "3 times 100 updates are too few"),
        (Convolving, 8, 100, False, "Conv1d gains little"),
        (Large, 2, 300, False, "60 million products"),
    ],
)
def test_short_trainings_are_fused_by_a_rule(recipe, trials, to_step, is_fused, why):
    choice = chosen(recipe(""), trials, to_step)
    assert choice.is_fused is is_fused
    assert why in choice.why


def test_no_more_are_fused_than_fit_into_the_memory():
    assert chosen(Line(""), 64, 100).most == 64
    assert chosen(Line(""), 64, 100, Machine(memory_bytes=60_000, cache_bytes=2**20)).most < 8


def test_a_long_training_is_fused_as_far_as_that_gets_faster():
    # Every update takes a second, however many trials share it: then all at once are the fastest.
    choice = chosen(Line(""), 12, 100, ticks=repeat(1.0))
    assert (choice.is_fused, choice.most) == (True, 12)
    assert choice.why == "12 at once are 12.0 times as fast as one after another"


def test_a_long_training_is_not_fused_where_a_batch_is_slower():
    # The updates of one trial take a second, those of a batch a hundred.
    ticks = chain(repeat(1.0, 2 * PROBE_STEPS), repeat(100.0))
    choice = chosen(Line(""), 12, 100, ticks=ticks)
    assert not choice.is_fused
    assert "times as long as one after another" in choice.why
