from dataclasses import replace

import pytest
from retuned.strategies.legs.failing_alike import fail_alike
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role

MISSING = "exit code 1: ModuleNotFoundError: No module named 'lightgbm'"


def leg(rate, end=LegEnd.CRASHED, detail=MISSING, curve=()):
    request = LegRequest(
        name=f"leg.{rate}", trial=f"leg.{rate}", purpose=Purpose.SEARCH, configuration={"lr": rate}, seed=1,
        split_seed=1, from_step=0.0, to_step=9.0, role=Role.INCUMBENT, number=0,
    )  # fmt: skip
    return LegResult(request, end, None, detail=detail, curve=curve)


ALIKE = [leg(0.1), leg(0.2), leg(0.3)]


def test_three_configurations_with_one_error_are_enough():
    assert fail_alike(ALIKE) == MISSING
    assert fail_alike(ALIKE[:2]) is None
    assert fail_alike([]) is None


def test_checkpoints_past_the_limit_are_an_error_whatever_was_reported_before():
    large = [leg(rate, LegEnd.BAD_CHECKPOINT, f"it has {rate} MiB", ((1.0, 0.5),)) for rate in (1, 2, 3)]
    assert fail_alike(large) == "it has 3 MiB"


def test_an_error_that_names_other_numbers_is_the_same_error():
    details = [f"exit code 1: RuntimeError: worker {n} failed after 0.{n} s" for n in (1, 2, 3)]
    assert fail_alike(leg(n, detail=detail) for n, detail in enumerate(details, start=1)) == details[-1]


@pytest.mark.parametrize(
    "odd",
    [
        leg(0.4, LegEnd.COMPLETED),
        leg(0.4, LegEnd.DIVERGED),  # a finding about the settings
        leg(0.4, LegEnd.TIMED_OUT),
        leg(0.4, LegEnd.SIGNALLED),  # out of memory, perhaps: what the machine did
        leg(0.4, LegEnd.LOST),
        leg(0.4, detail="exit code 1: ValueError: lr is too large"),
        leg(0.4, LegEnd.NO_METRIC),
        leg(0.4, detail=""),
        leg(0.4, curve=((1.0, 0.5),)),  # it trained for a while
    ],
)
def test_one_that_ends_in_another_way_is_a_reason_to_go_on(odd):
    assert fail_alike([*ALIKE, odd]) is None


def test_the_current_settings_alone_may_be_broken():
    same = replace(ALIKE[0], request=replace(ALIKE[0].request, name="again"))
    assert fail_alike([ALIKE[0], same, same, ALIKE[1]]) is None
