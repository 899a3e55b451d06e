"""A guarded leg: it ends before an update on a spike, with a state to go on from, and disturbs nothing otherwise."""

import math
from dataclasses import replace

import pytest
import torch
from retuned.strategies.recipe import Recipe, draw_rows
from retuned.strategies.training.spike_guard import FRESH, LEAST, SpikeGuard
from retuned.strategies.training.training import LegOrder, run_leg
from torch import nn

ORDER = LegOrder({"lr": 0.05, "momentum": 0.9, "batch_size": 10}, 1, 2, "dev", "steps", 0, 80, is_guarded=True)


class Line(Recipe):
    """Fits a line; from the given call of `loss` on, the given number of batches is multiplied."""

    def __init__(self, bad_call=None, times=1e4, calls=1):
        super().__init__("")
        self.bad = range(bad_call or 0, (bad_call or 0) + calls) if bad_call else ()
        self.times, self.calls = times, 0

    def data(self, split, seed):
        inputs = torch.linspace(-1, 1, 200).unsqueeze(1)
        rows = draw_rows(200, split, seed, train=100, dev=40, slices=4)
        noise = 0.3 * torch.randn(len(rows), 1, generator=torch.Generator().manual_seed(5))
        return inputs[rows], 2 * inputs[rows] + noise

    def model(self, hyperparameters):
        return nn.Linear(1, 1)

    def loss(self, model, batch):
        self.calls += model.training
        times = self.times if model.training and self.calls in self.bad else 1.0
        return times * nn.functional.mse_loss(model(batch[0]), batch[1])

    def metrics(self, model, data):
        return {"loss": nn.functional.mse_loss(model(data[0]), data[1]).item()}


def run(order, recipe=None, checkpoint=None):
    reports = []
    outcome = run_leg(
        recipe or Line(), order, lambda step, metrics: reports.append((step, metrics)), lambda: 0.0, checkpoint
    )
    return outcome, reports


def weights(checkpoint):
    return torch.cat([tensor.flatten() for tensor in checkpoint["model"].values()])


def test_a_sound_training_is_the_same_with_a_guard_and_without():
    guarded, reports = run(ORDER)
    alone, plain = run(replace(ORDER, is_guarded=False))
    assert torch.equal(weights(guarded.checkpoint), weights(alone.checkpoint))
    assert reports[-1][1]["loss"] == plain[-1][1]["loss"]
    assert reports[-1][1]["guard_loss"] > 0.0
    assert [step for step, _ in reports] == [0, 80]


def test_a_spike_ends_the_leg_before_its_update_with_the_newest_healthy_state():
    outcome, reports = run(ORDER, Line(bad_call=71))
    metrics = reports[-1][1]
    assert (outcome.end, metrics["guard_step"], metrics["guard_healthy_step"]) == ("diverged", 70, 60)
    assert metrics["guard_batches"] == 10
    assert "loss spiked" in outcome.detail
    assert outcome.detail.endswith("robust sigma at step 71")
    before, _ = run(replace(ORDER, to_step=60, is_guarded=False))
    assert torch.equal(weights(outcome.checkpoint), weights(before.checkpoint))


def test_a_leg_goes_on_from_a_healthy_state_as_if_nothing_had_been():
    ended, _ = run(ORDER, Line(bad_call=71))
    went_on, _ = run(replace(ORDER, from_step=60), checkpoint=ended.checkpoint)
    alone, _ = run(ORDER)
    assert torch.equal(weights(went_on.checkpoint), weights(alone.checkpoint))


@pytest.mark.parametrize(
    ("times", "detail"), [(math.nan, "loss is nan at step 71"), (math.inf, "loss is inf at step 71")]
)
def test_a_loss_that_is_not_finite_ends_it_too(times, detail):
    outcome, reports = run(ORDER, Line(bad_call=71, times=times))
    assert (outcome.end, outcome.detail) == ("diverged", detail)
    assert reports[-1][1]["guard_sigma"] == 0.0
    assert outcome.checkpoint is not None


def test_skipped_batches_move_the_data_on_and_make_no_update():
    first, _ = run(replace(ORDER, to_step=10))
    skipped, _ = run(replace(ORDER, from_step=10, to_step=15, skip_batches=3), checkpoint=first.checkpoint)
    assert (skipped.checkpoint["updates"], skipped.checkpoint["epoch"], skipped.checkpoint["cursor"]) == (15, 1, 80)


def test_what_is_usual_is_known_from_the_legs_before():
    first, _ = run(replace(ORDER, to_step=70))
    outcome, _ = run(replace(ORDER, from_step=70), Line(bad_call=2), first.checkpoint)
    assert (outcome.end, outcome.detail[:12]) == ("diverged", "loss spiked ")


def usual_guard(losses, norms):
    return SpikeGuard(0.0, 100.0, list(zip(losses, norms, strict=True)))


CASES = [
    (1.2, 1.0, True, True),  # usual
    (40.0, 1.0, False, True),  # far above every loss
    (3.0, 1.0, True, True),  # many sigma, but not three times the largest
    (1.2, 100.0, True, False),  # a gradient far above all
    (1.2, 8.0, True, True),  # gradients grow by themselves when a training begins to learn
    (1.2, math.inf, True, False),
]


@pytest.mark.parametrize(("loss", "norm", "is_loss_sound", "is_gradient_sound"), CASES)
def test_a_spike_is_far_from_the_median_and_well_above_the_largest(loss, norm, is_loss_sound, is_gradient_sound):
    guard = usual_guard(
        [1.0 + 0.01 * (n % 20) for n in range(LEAST + FRESH)], [1.0 + 0.001 * n for n in range(LEAST + FRESH)]
    )
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.tensor([norm])
    assert guard.is_loss_sound(loss) is is_loss_sound
    assert guard.is_gradient_sound(loss, [parameter]) is is_gradient_sound


def test_before_enough_batches_nothing_counts_as_a_spike():
    assert usual_guard([1.0] * (LEAST - 1), [1.0] * (LEAST - 1)).is_loss_sound(1e9)
