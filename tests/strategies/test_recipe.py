"""What a user's recipe must give, and how rows are split by seed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.recipe import Recipe, check_recipe, draw_rows

SPLIT = {"train": 60, "dev": 20, "slices": 8}


class Complete(Recipe):
    def data(self, split, seed):
        return (torch.zeros(4, 1),)

    def model(self, hyperparameters):
        return torch.nn.Linear(1, 1)

    def loss(self, model, batch):
        return model(batch[0]).mean()

    def metrics(self, model, data):
        return {"x": 0.0}


class WithoutMetrics(Complete):
    metrics = Recipe.metrics


@given(seed=st.integers(0, 2**31 - 1), other=st.integers(0, 2**31 - 1))
@settings(max_examples=30, deadline=None)
def test_no_seed_moves_a_row_between_train_dev_and_held_out(seed, other):
    train = set(draw_rows(200, "train", seed, **SPLIT).tolist())
    dev = set(draw_rows(200, "dev", other, **SPLIT).tolist())
    held_out = set(draw_rows(200, "held_out", other, **SPLIT).tolist())
    assert train.isdisjoint(dev)
    assert train.isdisjoint(held_out)
    assert dev.isdisjoint(held_out)


def test_consecutive_split_seeds_are_scored_on_disjoint_slices_of_equal_size():
    slices = [draw_rows(200, "held_out", 4096 + index, **SPLIT).tolist() for index in range(8)]
    assert {len(rows) for rows in slices} == {15}
    assert len(set().union(*slices)) == 8 * 15


def test_the_held_out_slices_come_round_again_after_the_last():
    assert torch.equal(draw_rows(200, "held_out", 3, **SPLIT), draw_rows(200, "held_out", 11, **SPLIT))


def test_the_development_rows_are_the_same_for_every_seed():
    assert torch.equal(draw_rows(200, "dev", 1, **SPLIT), draw_rows(200, "dev", 2, **SPLIT))


def test_train_rows_are_a_bootstrap_by_the_split_seed():
    rows, again, other = (draw_rows(200, "train", seed, **SPLIT) for seed in (1, 1, 2))
    assert torch.equal(rows, again)
    assert not torch.equal(rows, other)
    assert len(rows) == 60
    assert len(set(rows.tolist())) < 60


def test_keep_draws_a_share_of_the_train_rows_without_repetition():
    rows = draw_rows(200, "train", 1, **SPLIT, keep=0.5).tolist()
    assert len(rows) == len(set(rows)) == 30


def test_the_partition_is_fixed_for_ever():
    # If this changes, every stored baseline is scored on rows that its model trained on.
    assert draw_rows(100, "dev", 0, train=60, dev=5, slices=4).tolist() == [28, 79, 58, 94, 68]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((200, "test", 0, 60, 20, 8, None), "split 'test'; allowed: train, dev, held_out"),  # sklearn's word for it
        ((80, "train", 0, 60, 20, 8, None), "80 rows leave 0 held out"),  # nothing left to judge on
        ((87, "train", 0, 60, 20, 8, None), "one held-out row in each of 8 slices"),  # an empty slice
        ((200, "train", 0, 0, 20, 8, None), "each must be at least 1"),  # nothing to train on
        ((200, "train", 0, 60, 20, 8, 0.0), "keep=0.0"),  # a share of nothing
    ],
)
def test_a_split_that_cannot_be_is_refused_in_one_line(arguments, message):
    n_rows, split, seed, train, dev, slices, keep = arguments
    with pytest.raises(InputError, match=message) as caught:
        draw_rows(n_rows, split, seed, train=train, dev=dev, slices=slices, keep=keep)
    assert "\n" not in str(caught.value)


def test_a_complete_recipe_passes():
    assert check_recipe(Complete, "Complete") is Complete


def test_a_recipe_that_lacks_a_method_is_refused_by_its_name():
    with pytest.raises(InputError, match="recipe WithoutMetrics has no metrics; a recipe defines data, model"):
        check_recipe(WithoutMetrics, "WithoutMetrics")


@pytest.mark.parametrize("candidate", [object, 3, None, Complete("x")])  # a class of another kind, values, an instance
def test_what_is_no_recipe_class_is_refused(candidate):
    with pytest.raises(InputError, match="Thing is not a recipe"):
        check_recipe(candidate, "Thing")


def test_a_method_that_is_missing_names_itself_when_called():
    with pytest.raises(InputError, match=r"recipe Recipe has no method loss\(model, batch\)"):
        Recipe("data").loss(None, ())
