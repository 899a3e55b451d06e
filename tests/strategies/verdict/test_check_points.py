"""The points of a check that speak of the contract: what fails, what only warns, and the change to make."""

import pytest
from retuned.strategies.verdict.check_points import PARTS, Level, contract_points, is_passed, untested_points
from retuned.strategies.verdict.contract import Contract

KEPT = {"seed_matters": True, "split_matters": True, "purpose_matters": True, "is_deterministic": True}


def points_of(has_split=False, has_seed=False, is_final=True, **changes):
    found = contract_points(Contract(**KEPT | changes), has_split=has_split, has_seed=has_seed, is_final=is_final)
    return {point.name: point for point in found}


@pytest.mark.parametrize(
    ("changes", "options", "name", "level", "change"),
    [
        ({}, {}, "seed", Level.OK, ""),
        ({"seed_matters": False}, {}, "seed", Level.FAILED, '"--seed", "{seed}"'),
        # ridge regression on rows that retuned draws
        (
            {"seed_matters": False, "are_rows_drawn": True},
            {"has_split": True},
            "seed",
            Level.OK,
            "",
        ),
        # one that is handed the seed is not told to hand it over
        ({"seed_matters": False}, {"has_seed": True}, "seed", Level.FAILED, "the command hands the seed over: draw"),
        (
            {"seed_matters": False, "are_rows_drawn": True},
            {"has_split": True, "has_seed": True},
            "seed",
            Level.OK,
            "",
        ),
        # a short run may hide it
        ({"seed_matters": False}, {"is_final": False}, "seed", Level.WARNING, '"--seed", "{seed}"'),
        ({"split_matters": False}, {}, "split", Level.FAILED, "split = {by = 'rows'} under [data]"),
        # retuned cuts the data already: what is left to do is to read its files
        ({"split_matters": False}, {"has_split": True}, "split", Level.FAILED, "train on the file {train}"),
        ({"purpose_matters": False}, {}, "purpose", Level.FAILED, "RETUNED_PURPOSE"),
        ({"purpose_matters": None}, {}, "purpose", Level.OPEN, ""),
        # differences that other seeds exceed do no harm
        ({"is_deterministic": False}, {}, "repeatable", Level.OK, ""),
        # such as hide an effect do, and then they are what is to be mended
        ({"is_deterministic": False, "seed_matters": False}, {}, "repeatable", Level.FAILED, "every random number"),
        ({"is_deterministic": False, "seed_matters": False}, {}, "seed", Level.OPEN, ""),
        ({"is_deterministic": None}, {}, "repeatable", Level.OPEN, ""),
    ],
)
def test_each_part_of_the_contract_is_a_point_with_one_change(changes, options, name, level, change):
    points = points_of(**options, **changes)
    assert tuple(points) == PARTS
    assert points[name].level is level
    assert change in points[name].remedy
    assert bool(points[name].remedy) is (level in (Level.FAILED, Level.WARNING))


def test_a_seed_without_use_is_right_for_a_training_that_draws_nothing_and_says_what_one_that_draws_had_better_do():
    unused = {"seed_matters": False, "are_rows_drawn": True}
    not_given, given = (points_of(has_split=True, has_seed=has, **unused)["seed"].sentence for has in (False, True))
    assert "had better be handed {seed}" in not_given
    assert "had better use the {seed} it is handed" in given


def test_what_fails_fails_the_check_and_a_warning_does_not():
    assert not is_passed(tuple(points_of(seed_matters=False).values()))
    assert is_passed(tuple(points_of(seed_matters=False, is_final=False).values()))


def test_what_one_change_mends_is_said_once():
    """An ordinary script that cuts its table itself breaks three points; the first says the change."""
    points = points_of(seed_matters=False, split_matters=False, purpose_matters=False)
    assert [name for name, point in points.items() if "split = {by = 'rows'}" in point.remedy] == ["split"]
    assert points["purpose"].remedy.startswith("the change for split mends this, too; or score other rows")
    assert "needs none once retuned cuts the data" in points["seed"].remedy


def test_what_holds_by_construction_is_tested_all_the_same():
    points = points_of(has_split=True)
    assert [name for name, point in points.items() if "by construction" in point.sentence] == ["split", "purpose"]


def test_points_that_could_not_be_tested_pass_and_say_why():
    points = untested_points("no time")
    assert is_passed(points)
    assert {(point.level, point.sentence) for point in points} == {(Level.OPEN, "no time")}
