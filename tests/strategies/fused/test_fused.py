"""Fused caviar against its plain twin, run_leg: each layer kind, each optimiser, each way a trial can differ."""

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from retuned.strategies.fused.fused import Legs, run_legs
from retuned.strategies.fused.models_per_batch import BatchChoice, MachineMemory
from retuned.strategies.recipe import Recipe, draw_rows
from retuned.strategies.training.training import run_leg
from retuned.strategies.training.trial_run import LegOrder
from torch import nn

MACHINE = MachineMemory(memory_bytes=2**32, cache_bytes=2**20)
CLASSES = 3


class Small(Recipe):
    """120 rows of six inputs; the subclasses differ in their model."""

    batch_size = 16
    dtype = torch.float64

    def __init__(self, data=""):
        super().__init__(data)
        generator = torch.Generator().manual_seed(0)
        self.inputs = torch.randn(120, 6, generator=generator, dtype=torch.float64).to(self.dtype)
        self.target = self.inputs[:, :CLASSES].argmax(1)

    def data(self, split, seed):
        rows = draw_rows(120, split, seed, train=70, dev=20, slices=3)
        return self.inputs[rows], self.target[rows]

    def model(self, hyperparameters):
        return self.layers(hyperparameters).to(self.dtype)

    def layers(self, hyperparameters):
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, CLASSES))

    def loss(self, model, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def metrics(self, model, data):
        return {"loss": self.loss(model, data).item(), "is_training": float(model.training)}


class Smooth(Small):
    """All activations of the perceptron, layer normalisation among them."""

    def layers(self, hyperparameters):
        first = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU())
        return nn.Sequential(first, nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, CLASSES))


class Normalised(Small):
    """Statistics of its own for each trial, in buffers that training changes. No bias before them: see below."""

    def layers(self, hyperparameters):
        return nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, CLASSES))


class Dropping(Small):
    def layers(self, hyperparameters):
        rate = hyperparameters.get("dropout", 0.3)
        return nn.Sequential(nn.Linear(6, 8), nn.Dropout(rate), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, CLASSES))


class Convolving(Small):
    def layers(self, hyperparameters):
        convolution = nn.Conv1d(1, 4, 3, padding=1)
        return nn.Sequential(nn.Unflatten(1, (1, 6)), convolution, nn.ReLU(), nn.Flatten(), nn.Linear(24, CLASSES))


class Embedding(Small):
    def data(self, split, seed):
        inputs, target = super().data(split, seed)
        return (inputs > 0).long() + 2 * torch.arange(6), target

    def layers(self, hyperparameters):
        return nn.Sequential(nn.Embedding(12, 4), nn.Flatten(), nn.Linear(24, CLASSES))


class Attending(Small):
    def layers(self, hyperparameters):
        return Attention()


class Attention(nn.Module):
    """Six tokens of one number; one head's output is pooled."""

    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(1, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, inputs):
        tokens = self.lift(inputs.unsqueeze(-1))  # (B, 6, 8)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head(self.norm(tokens + mixed).mean(1))


class Smoothing(Small):
    """Label smoothing differs by trial: it reaches the loss as a buffer of the model."""

    def layers(self, hyperparameters):
        model = super().layers(hyperparameters)
        model.register_buffer("smoothing", torch.tensor(hyperparameters.get("label_smoothing", 0.0)))
        return model

    def loss(self, model, batch):
        logs = torch.log_softmax(model(batch[0]), 1)
        hard = nn.functional.nll_loss(logs, batch[1])
        return (1 - model.smoothing) * hard - model.smoothing * logs.mean()


class Tied(Small):
    def layers(self, hyperparameters):
        first, second = nn.Linear(6, 6), nn.Linear(6, 6)
        second.weight = first.weight
        first.bias.requires_grad_(False)
        return nn.Sequential(first, nn.Tanh(), second, nn.Linear(6, CLASSES))


KINDS = [Small, Smooth, Normalised, Dropping, Convolving, Embedding, Attending, Smoothing, Tied]
SGD = [
    {"lr": 0.05},
    {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-3, "dropout": 0.5, "label_smoothing": 0.1},
    {"lr": 0.01, "momentum": 0.8, "nesterov": True, "clip_norm": 0.5, "dropout": 0.0},
    {"lr": [[0, 0.05], [9, 0.01]], "momentum": [[0, 0.0], [12, 0.9], [17, 0.0], [20, 0.5]]},
]
ADAMW = [
    {"lr": 1e-3, "optimizer": "adamw"},
    {"lr": 3e-3, "optimizer": "adamw", "beta1": 0.8, "beta2": 0.99, "weight_decay": 0.1, "label_smoothing": 0.1},
    {"lr": [[0, 1e-3], [11, 3e-3]], "optimizer": "adamw", "beta1": [[0, 0.9], [7, 0.5]], "clip_norm": 0.1},
]


def orders_of(configurations, seeds="own", **changes):
    """A leg per configuration; `seeds` "common" as in a search, or "own" as in replicates and pairs."""
    defaults = {"split": "dev", "unit": "steps", "from_step": 0.0, "to_step": 30.0}
    own = [(7, 9) if seeds == "common" else (number, 4096 + number) for number in range(len(configurations))]
    return [
        LegOrder(**{**defaults, "hyperparameters": configuration, "seed": seed, "split_seed": split_seed, **changes})
        for configuration, (seed, split_seed) in zip(configurations, own, strict=True)
    ]


def always(key, choose):
    return BatchChoice(True, 64, "a test")


def fuse(recipe, orders, checkpoints=None, recall=always, clock=lambda: 0.0):
    """What run_legs returns, and the reports of each leg."""
    reports = [[] for _ in orders]
    legs = Legs(
        recipe,
        orders,
        checkpoints or [None] * len(orders),
        lambda number, step, metrics: reports[number].append((step, metrics)),
        lambda number: reports[number].clear(),
        clock,
    )
    return run_legs(legs, MACHINE, recall), reports


def alone(recipe, order, checkpoint=None):
    reports = []
    outcome = run_leg(recipe, order, lambda step, metrics: reports.append((step, metrics)), lambda: 0.0, checkpoint)
    return outcome, reports


def distance(outcomes, twins):
    """The largest difference between two checkpoints' models and optimisers, all legs together."""
    return max(
        float((ours.double() - theirs.double()).abs().max())
        for outcome, twin in zip(outcomes, twins, strict=True)
        for ours, theirs in zip(_tensors(outcome.checkpoint), _tensors(twin.checkpoint), strict=True)
    )


def _tensors(checkpoint):
    states = checkpoint["optimizer"]["state"].values()
    moments = [tensor for state in states for tensor in state.values() if tensor is not None]
    return [*checkpoint["model"].values(), *moments]


def compare(recipe, orders, checkpoints=None):
    """Fused and alone: the largest difference; fails when a leg was not fused."""
    fused, reports = fuse(recipe, orders, checkpoints)
    assert fused.alone == {}
    before = checkpoints or [None] * len(orders)
    twins = [alone(recipe, order, checkpoint) for order, checkpoint in zip(orders, before, strict=True)]
    steps = [[step for step, _ in leg] for leg in reports]
    assert steps == [[step for step, _ in leg] for _, leg in twins]
    return distance([fused.outcomes[number] for number in range(len(orders))], [outcome for outcome, _ in twins])


@pytest.mark.parametrize("seeds", ["common", "own"])
@pytest.mark.parametrize("configurations", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_layer_trains_as_its_twin_does(kind, configurations, seeds):
    assert compare(kind(), orders_of(configurations, seeds, evaluate_every=8)) < 1e-6


@pytest.mark.parametrize("configurations", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("kind", KINDS)
def test_in_single_precision_fifty_steps_agree(kind, configurations):
    # Compared by the loss: AdamW takes steps of full size along the noise where a gradient is zero but for rounding,
    # as that of a bias before a batch normalisation is, and what such a parameter is then does not matter.
    single = type("Single", (kind,), {"dtype": torch.float32})()
    orders = orders_of(configurations, to_step=50.0, evaluate_every=5)
    fused, reports = fuse(single, orders)
    assert fused.alone == {}
    ours = [metrics["loss"] for leg in reports for _, metrics in leg]
    assert ours == pytest.approx([m["loss"] for order in orders for _, m in alone(single, order)[1]], abs=1e-4)


MIXED = "a layer of it mixes bf16 and float32, for which torch has no gradient in a batch"
NOT_IN_BF16 = {Normalised: MIXED, Attending: "its gradient in a batch differs from that alone"}


@pytest.mark.parametrize("configurations", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_IN_BF16])
def test_in_bf16_thirty_steps_agree_as_far_as_its_digits_go(kind, configurations):
    # Sums in another order occasionally round to another neighbour, 0.4% away; measured were at most 0.2% of the loss
    # and of the weights' norm, about half the distance of the same steps in float32.
    single = type("Single", (kind,), {"dtype": torch.float32})()
    orders = orders_of(configurations, evaluate_every=5, precision="bf16")
    fused, reports = fuse(single, orders)
    assert fused.alone == {}
    twins = [alone(single, order) for order in orders]
    ours = [metrics["loss"] for leg in reports for _, metrics in leg]
    assert ours == pytest.approx([metrics["loss"] for _, leg in twins for _, metrics in leg], rel=0.01)
    pairs = [(weights_of(fused.outcomes[number]), weights_of(twin)) for number, (twin, _) in enumerate(twins)]
    assert max(float((ours - theirs).norm() / theirs.norm()) for ours, theirs in pairs) < 0.01
    assert {ours.dtype for ours, _ in pairs} == {torch.float32}


def weights_of(outcome):
    return torch.cat([tensor.flatten() for tensor in outcome.checkpoint["model"].values()])


@pytest.mark.parametrize("kind", NOT_IN_BF16)
def test_what_cannot_be_batched_in_bf16_is_trained_alone_and_says_why(kind):
    # On a processor; on a GPU torch normalises in float32.
    single = type("Single", (kind,), {"dtype": torch.float32})()
    fused, _ = fuse(single, orders_of(SGD, precision="bf16"))
    assert {why.partition(" (")[0] for why in fused.alone.values()} == {NOT_IN_BF16[kind]}
    assert len(fused.alone) == len(SGD)


def test_no_training_loads_the_compiler_of_torch():
    # It takes as long to load as the rest of torch, and each training process would pay.
    code = """
import sys
from test_fused import ADAMW, SGD, Small, alone, fuse, orders_of
for configurations in (SGD, ADAMW):
    orders = orders_of(configurations, to_step=60.0)
    fused, _ = fuse(Small(), orders)
    assert not fused.alone
    alone(Small(), orders[0], alone(Small(), orders[0])[0].checkpoint)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, timeout=120)


def test_epochs_end_with_their_smaller_batch():
    assert compare(Normalised(), orders_of(SGD, unit="epochs", to_step=6.0, evaluate_every=1.5)) < 1e-6


def test_the_smaller_last_batch_can_be_left_out():
    dropping = type("DropsLast", (Normalised,), {"drop_last": True})
    assert compare(dropping(), orders_of(SGD, unit="epochs", to_step=6.0)) < 1e-6


@pytest.mark.parametrize("kind", [Small, Normalised, Dropping])
@pytest.mark.parametrize("configurations", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_a_fused_leg_goes_on_from_a_fused_or_a_plain_checkpoint(kind, configurations):
    recipe, first = kind(), orders_of(configurations, to_step=11.0)
    fused, _ = fuse(recipe, first)
    later = orders_of(configurations, from_step=11.0)
    plain = [alone(recipe, order)[0].checkpoint for order in first]
    assert compare(recipe, later, [fused.outcomes[number].checkpoint for number in range(len(first))]) < 1e-6
    assert compare(recipe, later, plain) < 1e-6


def test_a_plain_leg_goes_on_from_a_fused_checkpoint_as_from_its_own():
    recipe, first = Dropping(), orders_of(SGD, to_step=11.0)
    fused, _ = fuse(recipe, first)
    later = orders_of(SGD, from_step=11.0)
    from_fused = [alone(recipe, order, fused.outcomes[number].checkpoint)[0] for number, order in enumerate(later)]
    from_plain = [alone(recipe, order, alone(recipe, before)[0].checkpoint)[0] for order, before in zip(later, first)]  # noqa: B905
    assert distance(from_fused, from_plain) < 1e-6


def test_a_fused_checkpoint_survives_a_file_and_holds_its_own_trial_alone(tmp_path):
    fused, _ = fuse(Small(), orders_of(SGD))
    torch.save(fused.outcomes[1].checkpoint, tmp_path / "checkpoint")
    torch.save(alone(Small(), orders_of(SGD)[1])[0].checkpoint, tmp_path / "plain")
    assert torch.load(tmp_path / "checkpoint", weights_only=True)["updates"] == 30
    assert (tmp_path / "checkpoint").stat().st_size < 1.1 * (tmp_path / "plain").stat().st_size


def test_the_same_group_gives_the_same_bits():
    first, second = (fuse(Dropping(), orders_of(SGD)) for _ in range(2))
    assert distance(first[0].outcomes.values(), second[0].outcomes.values()) == 0.0
    assert first[1] == second[1]


def test_two_equal_calls_give_equal_scores_and_are_trained_once():
    equal = [*orders_of(SGD[:2], "common"), *orders_of(SGD[:2], "common")]
    fused, reports = fuse(type("Single", (Dropping,), {"dtype": torch.float32})(), equal)
    assert reports[:2] == reports[2:]
    assert distance([fused.outcomes[0]], [fused.outcomes[2]]) == 0.0


class Exploding(Small):
    """A rate of 1e9 makes the loss infinite after some steps."""

    def loss(self, model, batch):
        return (model(batch[0]) - torch.eye(CLASSES, dtype=self.dtype)[batch[1]]).square().square().mean()


@pytest.mark.parametrize("to_step", [30.0, 300.0])  # in the longer leg the batch goes on without them
def test_a_diverged_trial_ends_as_alone_and_its_neighbours_do_not_notice(to_step):
    configurations = [{"lr": 0.01}, {"lr": 1e9}, {"lr": 0.02}, {"lr": 50.0}]
    orders = orders_of(configurations, to_step=to_step, evaluate_every=1)
    fused, reports = fuse(Exploding(), orders)
    twins = [alone(Exploding(), order) for order in orders]
    assert fused.alone == {}
    assert [fused.outcomes[number].end for number in range(4)] == ["completed", "diverged", "completed", "diverged"]
    assert [fused.outcomes[number].detail for number in range(4)] == [outcome.detail for outcome, _ in twins]
    assert distance([fused.outcomes[0], fused.outcomes[2]], [twins[0][0], twins[2][0]]) < 1e-6
    assert math.isnan(reports[1][-1][1]["loss"])
    assert [step for step, _ in reports[3]] == [step for step, _ in twins[3][1]]


def test_trials_that_all_diverge_end_the_batch():
    fused, _ = fuse(Exploding(), orders_of([{"lr": 1e9}, {"lr": 1e8}, {"lr": 1e10}]))
    assert {outcome.end for outcome in fused.outcomes.values()} == {"diverged"}


class Shaped(Small):
    def layers(self, hyperparameters):
        width = hyperparameters["width"]
        return nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, CLASSES))


def test_trials_are_grouped_by_shape_batch_size_and_optimiser():
    base = {"lr": 0.01, "width": 8}
    wide, rows = {**base, "width": 16}, {**base, "batch_size": 32}
    other = {**base, "optimizer": "adamw"}
    orders = orders_of([base, wide, rows, base, wide, rows, other])
    fused, _ = fuse(Shaped(), orders)
    assert sorted(fused.outcomes) == [0, 1, 2, 3, 4, 5]
    assert fused.alone == {6: "no other trial has its shape"}
    twins = [alone(Shaped(), order)[0] for order in orders[:6]]
    assert distance([fused.outcomes[number] for number in range(6)], twins) < 1e-6


class Slope(nn.Module):
    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def forward(self, inputs):
        return inputs * self.slope


class DiffersInside(Small):
    def layers(self, hyperparameters):
        return nn.Sequential(nn.Linear(6, CLASSES), Slope(hyperparameters["slope"]))


class KeepsOnRecipe(Small):
    def layers(self, hyperparameters):
        self.scale = hyperparameters["scale"]
        return super().layers(hyperparameters)

    def loss(self, model, batch):
        return self.scale * super().loss(model, batch)


class Decides(Small):
    def loss(self, model, batch):
        loss = super().loss(model, batch)
        return loss * 2 if loss > 1 else loss


class Reads(Small):
    def loss(self, model, batch):
        return super().loss(model, batch) * batch[0].abs().max().item()


class Counts(Small):
    calls = 0

    def loss(self, model, batch):
        self.calls += 1
        return super().loss(model, batch) * (1 + self.calls % 7)


class Draws(Small):
    def loss(self, model, batch):
        return super().loss(model, (batch[0] + torch.randn_like(batch[0]), batch[1]))


class DrawsInPython(Small):
    def loss(self, model, batch):
        return super().loss(model, batch) * random.random()


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class CustomGradient(Small):
    def loss(self, model, batch):
        return nn.functional.cross_entropy(Custom.apply(model(batch[0])), batch[1])


class Idle(Small):
    """Has a parameter that its loss never sees."""

    def layers(self, hyperparameters):
        return nn.ModuleDict({"used": super().layers(hyperparameters), "idle": nn.Linear(2, 2)})

    def loss(self, model, batch):
        return super().loss(model["used"], batch)


class Breaks(Small):
    def loss(self, model, batch):
        raise ValueError("no such column")


# What cannot be fused is left to the plain loop, with the reason.
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (DiffersInside, "no other trial has its shape"),  # an attribute that is read in Python
        (KeepsOnRecipe, "its recipe keeps values of a trial"),  # the last trial's for all
        (Decides, "decides by the values of a tensor"),
        (Reads, "decides by the values of a tensor"),  # a number that would be frozen into the recording
        (Counts, "its loss in a batch differs from that alone"),  # a count that each trial's own run starts at 0
        (Draws, "draws random numbers other than through nn.Dropout"),
        (DrawsInPython, "Python's random numbers"),
        (CustomGradient, "a gradient of its own"),
        (Idle, "does not depend on the parameter idle.weight"),
        (Breaks, "ValueError: no such column"),
    ],
)
@pytest.mark.parametrize("seeds", ["common", "own"])
def test_what_cannot_be_fused_says_why_and_is_left_as_it_was(kind, reason, seeds):
    configurations = [{"lr": 0.01 * scale, "slope": scale, "scale": scale} for scale in (1.0, 2.0, 3.0)]
    fused, reports = fuse(kind(), orders_of(configurations, seeds))
    assert fused.outcomes == {}
    assert all(reason in why for why in fused.alone.values())
    assert len(fused.alone) == 3
    assert reports == [[], [], []]


def test_fusing_leaves_the_global_generators_as_it_found_them():
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(1), random.random()
    torch.manual_seed(5)
    random.seed(5)
    fuse(Dropping(), orders_of(SGD))
    assert (torch.rand(1), random.random()) == expected


class Hungry(Small):
    """More than two trials do not fit in its memory."""

    def loss(self, model, batch):
        if trials_in(model[0].weight) > 2:
            raise MemoryError
        return super().loss(model, batch)


def trials_in(weight):
    """How many trials share the batch that a weight (8, 6) belongs to."""
    functorch = torch._C._functorch
    alone = not functorch.is_functorch_wrapped_tensor(weight)
    return 1 if alone else functorch.get_unwrapped(weight).shape[0]


def test_a_batch_that_does_not_fit_in_memory_starts_again_as_smaller_ones():
    orders = orders_of([*SGD, *SGD[:2]], evaluate_every=10)
    fused, reports = fuse(Hungry(), orders)
    assert fused.alone == {}
    assert [[step for step, _ in leg] for leg in reports] == [[10, 20, 30]] * 6
    twins = [alone(Hungry(), order)[0] for order in orders]
    assert distance([fused.outcomes[number] for number in range(6)], twins) < 1e-6


def test_a_recorded_choice_is_used_again():
    keys = []
    recorded = BatchChoice(False, 1, "said before")
    fused, _ = fuse(Small(), orders_of(SGD), recall=lambda key, choose: keys.append(key) or recorded)
    assert set(fused.alone.values()) == {"said before"}
    assert len(keys) == 1
