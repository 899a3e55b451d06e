"""Which legs are given to a worker together: a function of the requested legs."""

import pytest
from retuned.strategies.legs.groups import plan_groups
from retuned.strategies.records import LegRequest, Purpose, Role


def legs(*configurations, **changes):
    defaults = {"purpose": Purpose.SEARCH, "seed": 1, "split_seed": 2, "from_step": 0.0, "to_step": 6.0}
    defaults |= {"role": Role.CANDIDATE, "number": 0}
    return [
        LegRequest(
            **{**defaults, "name": f"l{number}", "trial": f"l{number}", "configuration": configuration, **changes}
        )
        for number, configuration in enumerate(configurations)
    ]


ADAMW, SGD = {"optimizer": "adamw"}, {"optimizer": "sgd"}


@pytest.mark.parametrize(
    ("requests", "workers", "groups"),
    [
        (legs({"lr": 0.1}), 2, ()),  # no other leg to train with
        (legs({"lr": 0.1}, {"lr": 0.2}), 2, (("l0", "l1"),)),  # too few to be cut for a second worker
        (legs(*[{"lr": 0.1}] * 8), 2, (("l0", "l1", "l2", "l3"), ("l4", "l5", "l6", "l7"))),
        (legs(*[{"lr": 0.1}] * 9), 1, (tuple(f"l{number}" for number in range(9)),)),  # one worker, one group
        (legs({"batch_size": 16}, {"batch_size": 64}, {"batch_size": 16}), 2, (("l0", "l2"),)),
        (legs(SGD, ADAMW, SGD, ADAMW), 2, (("l0", "l2"), ("l1", "l3"))),
        # legs of one shape stay together, so that a cut separates them as late as possible
        (legs(*[{"width": 10}, {"width": 20}] * 4), 2, (("l0", "l2", "l4", "l6"), ("l1", "l3", "l5", "l7"))),
        (legs({"lr": 0.1}, {"lr": 0.1}) + legs({"lr": 0.1}, to_step=3.0), 1, (("l0", "l1"),)),  # another stretch
    ],
)
def test_legs_of_one_kind_are_grouped_for_the_workers_there_may_be(requests, workers, groups):
    assert plan_groups(requests, workers) == groups


def test_no_group_is_larger_than_allowed():
    groups = plan_groups(legs(*[{"lr": 0.1}] * 1100), 1)
    assert [len(group) for group in groups] == [367, 366, 367]
