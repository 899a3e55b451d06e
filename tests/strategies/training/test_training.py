"""The torch loop: deterministic, resumable bit for bit, with the leg's own hyperparameters."""

import math
import random

import pytest
import torch
from retuned.strategies.errors import InputError
from retuned.strategies.recipe import Recipe, draw_rows
from retuned.strategies.training.optimizers import apply_options, make_optimizer, options_at, value_at
from retuned.strategies.training.training import LegOrder, run_leg
from torch import nn

HYPERPARAMETERS = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3, "batch_size": 16}


class Wave(Recipe):
    """Fits a sine; dropout and a random shift draw on the generators that a checkpoint must carry."""

    def data(self, split, seed):
        inputs = torch.linspace(-3, 3, 200).unsqueeze(1)
        rows = draw_rows(200, split, seed, train=100, dev=40, slices=4)
        return inputs[rows], torch.sin(inputs[rows])

    def model(self, hyperparameters):
        return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))

    def loss(self, model, batch):
        inputs, target = batch
        return nn.functional.mse_loss(model(inputs + random.gauss(0, 0.01)), target)

    def metrics(self, model, data):
        torch.rand(3)  # an evaluation that draws must not disturb the training
        return {"loss": nn.functional.mse_loss(model(data[0]), data[1]).item(), "is_training": float(model.training)}


class Exploding(Wave):
    def loss(self, model, batch):
        return super().loss(model, batch) * 1e30


class SeesRows(Wave):
    def metrics(self, model, data):
        return {"rows": len(data[0]), "first": data[0][0].item()}


def order(from_step=0.0, to_step=20.0, **changes):
    defaults = {"seed": 1, "split_seed": 2, "split": "dev", "unit": "steps", "hyperparameters": HYPERPARAMETERS}
    return LegOrder(**{**defaults, "from_step": from_step, "to_step": to_step, **changes})


def run(leg, recipe=None, checkpoint=None, clock=lambda: 0.0):
    reports = []
    outcome = run_leg(recipe or Wave(""), leg, lambda step, metrics: reports.append((step, metrics)), clock, checkpoint)
    return outcome, reports


def weights(outcome):
    return torch.cat([tensor.flatten() for tensor in outcome.checkpoint["model"].values()])


def test_the_same_seeds_give_the_same_run():
    assert run(order())[1] == run(order())[1]


@pytest.mark.parametrize("changes", [{"seed": 9}, {"split_seed": 9}, {"split": "held_out"}])
def test_seed_split_seed_and_split_each_change_the_score(changes):
    assert run(order())[1][-1][1]["loss"] != run(order(**changes))[1][-1][1]["loss"]


def test_a_leg_leaves_the_global_generators_as_it_found_them():
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(1), random.random()
    torch.manual_seed(5)
    random.seed(5)
    run(order())
    assert (torch.rand(1), random.random()) == expected


# 100 rows in batches of 16: an epoch has 7 batches, so step 10 and 1.5 epochs lie inside one.
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize(("unit", "middle", "end"), [("steps", 10, 25), ("epochs", 1.5, 3), ("epochs", 2, 3)])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(unit, middle, end, optimizer):
    changes = {"unit": unit, "hyperparameters": {**HYPERPARAMETERS, "optimizer": optimizer}}
    whole, reports = run(order(0, end, **changes))
    first, _ = run(order(0, middle, **changes))
    second, resumed_reports = run(order(middle, end, **changes), checkpoint=first.checkpoint)
    assert torch.equal(weights(whole), weights(second))
    assert torch.equal(whole.checkpoint["torch_random"], second.checkpoint["torch_random"])
    assert reports[-1] == resumed_reports[-1]


def test_a_checkpoint_is_left_as_it_was_by_who_goes_on_from_it():
    first, _ = run(order(0, 10))
    once, again = (run(order(10, 25), checkpoint=first.checkpoint)[0] for _ in range(2))
    assert torch.equal(weights(once), weights(again))


def test_a_checkpoint_survives_a_file_without_code_in_it(tmp_path):
    first, _ = run(order(0, 10))
    torch.save(first.checkpoint, tmp_path / "checkpoint")
    loaded = torch.load(tmp_path / "checkpoint", weights_only=True)
    assert torch.equal(
        weights(run(order(10, 25), checkpoint=loaded)[0]), weights(run(order(10, 25), checkpoint=first.checkpoint)[0])
    )


def test_how_often_it_is_evaluated_does_not_change_the_result():
    assert torch.equal(weights(run(order())[0]), weights(run(order(evaluate_every=3))[0]))


def test_a_restored_leg_trains_with_its_own_hyperparameters():
    first, _ = run(order(0, 10))
    still = {**HYPERPARAMETERS, "lr": 0.0, "weight_decay": 0.0}
    second, _ = run(order(10, 20, hyperparameters=still), checkpoint=first.checkpoint)
    assert second.checkpoint["optimizer"]["param_groups"][0]["lr"] == 0.0
    assert torch.equal(weights(first), weights(second))


def test_a_checkpoint_of_another_optimiser_is_refused():
    first, _ = run(order(0, 10))
    adamw = {**HYPERPARAMETERS, "optimizer": "adamw"}
    with pytest.raises(InputError, match="start the trial again from 0"):
        run(order(10, 20, hyperparameters=adamw), checkpoint=first.checkpoint)


def test_a_later_leg_without_a_checkpoint_is_refused():
    with pytest.raises(InputError, match="a leg from step 10 without a checkpoint"):
        run(order(10, 20))


# Evaluations, at multiples of the cadence and always at the end.
@pytest.mark.parametrize(
    ("unit", "every", "end", "steps"),
    [
        ("steps", None, 20, [20]),  # at the end only
        ("steps", 8, 20, [8, 16, 20]),  # and at the end once more
        ("steps", 10, 20, [10, 20]),  # the end is a multiple: one report, not two
        ("epochs", 1, 3, [1, 2, 3]),
        ("epochs", 0.5, 1, [0.64, 1]),  # half an epoch is met by the batch that crosses it
        ("epochs", None, 6 * (1 / 3), [2]),  # rounding buys no extra batch
    ],
)
def test_it_reports_at_the_cadence_and_at_the_end_of_the_leg(unit, every, end, steps):
    assert [step for step, _ in run(order(0, end, unit=unit, evaluate_every=every))[1]] == pytest.approx(steps)


def test_a_resumed_leg_keeps_the_cadence_of_the_whole_run():
    first, _ = run(order(0, 10))
    assert [step for step, _ in run(order(10, 20, evaluate_every=4), checkpoint=first.checkpoint)[1]] == [12, 16, 20]


def test_metrics_are_taken_in_eval_mode():
    assert run(order())[1][0][1]["is_training"] == 0.0


def test_a_budget_in_seconds_counts_training_and_not_evaluation():
    ticks = iter(range(10_000))  # one second between two looks at the clock, two looks a batch
    outcome, reports = run(order(0, 12, unit="seconds", evaluate_every=5), clock=lambda: next(ticks))
    assert outcome.checkpoint["updates"] == 12
    assert [step for step, _ in reports] == [5, 10, 12]


def test_a_loss_that_is_not_finite_ends_the_leg_as_diverged_with_its_step():
    outcome, reports = run(order(0, 100, evaluate_every=1), recipe=Exploding(""))
    assert outcome.end == "diverged"
    assert outcome.detail.startswith(("loss is nan at step ", "loss is inf at step "))
    assert outcome.checkpoint is None
    assert all(math.isnan(value) for value in reports[-1][1].values())


def test_a_schedule_changes_the_rate_at_its_step():
    scheduled = {**HYPERPARAMETERS, "lr": [[0, 0.05], [10, 0.0]], "weight_decay": 0.0}
    short, _ = run(order(0, 10, hyperparameters=scheduled))
    long, _ = run(order(0, 20, hyperparameters=scheduled))
    assert torch.equal(weights(short), weights(long))
    assert not torch.equal(weights(long), weights(run(order(0, 20))[0]))


def test_a_schedule_replays_as_legs_of_constant_values():
    scheduled = {**HYPERPARAMETERS, "lr": [[0, 0.05], [10, 0.01]], "momentum": [[0, 0.9], [10, 0.5]]}
    whole, _ = run(order(0, 20, hyperparameters=scheduled))
    first, _ = run(order(0, 10))
    later = {**HYPERPARAMETERS, "lr": 0.01, "momentum": 0.5}
    second, _ = run(order(10, 20, hyperparameters=later), checkpoint=first.checkpoint)
    assert torch.equal(weights(whole), weights(second))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, 1.0),  # the first point starts at 0
        (9.999, 1.0),  # constant up to the next point
        (10, 0.5),  # a point's own step has its value
        (99, 0.1),  # the last value stays
    ],
)
def test_a_schedule_is_constant_between_its_points(at, expected):
    assert value_at([[0, 1.0], [10, 0.5], [20, 0.1]], at) == expected


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("sgd", {}, "no hyperparameter lr"),
        ("sgd", {"lr": -1}, "hyperparameter lr = -1"),
        ("sgd", {"lr": math.nan}, "hyperparameter lr = nan"),
        ("sgd", {"lr": "fast"}, "hyperparameter lr = 'fast'"),
        ("sgd", {"lr": 1, "momentum": 1.0}, "hyperparameter momentum = 1.0; a number from 0 to below 1"),
        ("adamw", {"lr": 1, "beta2": 1.0}, "hyperparameter beta2 = 1.0"),
        ("sgd", {"lr": [[5, 0.1]]}, "starts at step 0"),
        ("adam", {"lr": 1}, "optimizer 'adam'; allowed: sgd, adamw"),
    ],
)
def test_hyperparameters_that_no_optimiser_takes_are_refused_by_name(name, hyperparameters, message):
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        make_optimizer(name, nn.Linear(1, 1), hyperparameters)


def test_nesterov_without_momentum_is_plain_descent():
    assert options_at("sgd", {"lr": 0.1, "nesterov": True, "momentum": 0.0}, 0)["nesterov"] is False


def test_adamw_takes_its_betas_by_name():
    optimizer = make_optimizer("adamw", nn.Linear(1, 1), {"lr": 0.1, "beta1": 0.8})
    apply_options(optimizer, "adamw", {"lr": 0.1, "beta1": 0.7, "beta2": 0.9}, 0)
    assert optimizer.param_groups[0]["betas"] == (0.7, 0.9)


@pytest.mark.parametrize(
    ("method", "returned", "message"),
    [
        ("data", [], "returned tensors with"),  # no tensor at all
        ("data", (torch.zeros(3), torch.zeros(4)), r"\[3, 4\] rows"),  # rows that do not match
        ("data", {"x": 1}, "returned a dict"),
        ("loss", torch.zeros(2), r"loss returned a tensor of shape \(2,\)"),  # forgot the mean
        ("loss", 0.5, "loss returned a float"),
        ("metrics", 0.5, "metrics returned a float"),
    ],
)
def test_a_recipe_that_returns_the_wrong_thing_is_told_what_is_allowed(method, returned, message):
    wrong = type("Wrong", (Wave,), {method: lambda self, *arguments: returned})
    with pytest.raises(InputError, match=message):
        run(order(), recipe=wrong(""))


def test_the_recipes_own_batch_size_holds_unless_a_hyperparameter_names_one():
    without = {name: value for name, value in HYPERPARAMETERS.items() if name != "batch_size"}
    assert run(order(0, 1, unit="epochs", hyperparameters=without))[0].checkpoint["updates"] == 2
    assert run(order(0, 1, unit="epochs"))[0].checkpoint["updates"] == 7


def test_a_smaller_last_batch_can_be_left_out():
    dropping = type("Dropping", (Wave,), {"drop_last": True})
    assert run(order(0, 1, unit="epochs"), recipe=dropping(""))[0].checkpoint["updates"] == 6


def test_the_score_comes_from_the_split_that_was_ordered():
    dev = run(order(split="dev"), recipe=SeesRows(""))[1][-1][1]
    held_out = run(order(split="held_out"), recipe=SeesRows(""))[1][-1][1]
    assert (dev["rows"], held_out["rows"]) == (40, 15)


def test_in_bf16_the_loss_is_rounded_and_the_weights_stay_in_float32():
    coarse, fine = run(order(precision="bf16")), run(order())
    assert weights(coarse[0]).dtype == torch.float32
    assert not torch.equal(weights(coarse[0]), weights(fine[0]))
    assert torch.allclose(weights(coarse[0]), weights(fine[0]), atol=0.02)
    assert coarse[1][-1][1]["loss"] == pytest.approx(fine[1][-1][1]["loss"], rel=0.05)


class SeesTypes(Wave):
    def loss(self, model, batch):
        self.seen = [model(batch[0]).dtype]
        return super().loss(model, batch)

    def metrics(self, model, data):
        self.seen.append(model(data[0]).dtype)
        return super().metrics(model, data)


@pytest.mark.parametrize(("precision", "kind"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_loss_and_metrics_are_computed_in_the_precision_that_was_asked_for(precision, kind):
    recipe = SeesTypes("")
    run(order(precision=precision), recipe)
    assert recipe.seen == [kind, kind]


def test_a_leg_in_bf16_is_resumed_bit_for_bit():
    whole, _ = run(order(precision="bf16"))
    half, _ = run(order(to_step=9.0, precision="bf16"))
    assert torch.equal(weights(run(order(from_step=9.0, precision="bf16"), None, half.checkpoint)[0]), weights(whole))


def test_a_precision_that_is_not_known_is_refused():
    with pytest.raises(InputError, match="precision 'fp8'"):
        run(order(precision="fp8"))
