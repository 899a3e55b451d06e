"""What a search must have tried before it may say that nothing is better."""

from dataclasses import replace

import pytest
from retuned.strategies.caviar import caviar
from retuned.strategies.hyperparameter import Hyperparameter, Kind
from retuned.strategies.records import BudgetUnit, LegEnd, LegResult
from retuned.strategies.search.choose import Capacity, choose
from retuned.strategies.search.least_search import budget_text, least_challengers, too_few
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.space import Space

RATE = Hyperparameter("lr", Kind.FLOAT, 1e-4, 1.0, log=True)
RATES = Space.of([RATE])
FLAG = Hyperparameter("nesterov", Kind.BOOL)
DEPTH = Hyperparameter("depth", Kind.CATEGORICAL, choices=(1, 2, 3))

# asked for, in the space, least
LEASTS = [
    (18, None, 7),  # the default
    (1000, None, 7),
    (7, None, 7),
    (6, None, 6),  # an owner who wants fewer gets fewer
    (2, None, 2),
    (18, 5, 5),  # a space with five others can be tried in full
    (3, 5, 3),
    (18, 0, 0),
]


@pytest.mark.parametrize(("requested", "in_space", "least"), LEASTS)
def test_seven_challengers_are_the_least_unless_fewer_were_wanted_or_exist(requested, in_space, least):
    assert least_challengers(requested, in_space) == least


def test_what_was_too_few_is_said_with_what_would_do():
    assert too_few(7, 7, True, 60.0) == ""
    assert too_few(2, 7, True, 400.0) == (
        "it tried 2 challengers of at least 7; give it a compute budget of at least 7m (--budget, or budget under "
        "[search])"
    )
    assert too_few(1, 7, True, None) == "it tried 1 challenger of at least 7; give it a larger compute budget"
    assert too_few(2, 7, False, None) == "it tried 2 challengers of at least 7"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.02, "1s"), (90.0, "90s"), (121.0, "3m"), (7200.0, "120m"), (7201.0, "3h"), (9e5, "250h")]
)
def test_a_budget_is_rounded_up_to_what_can_be_typed(seconds, text):
    assert budget_text(seconds) == text


def searched(score=lambda leg: 0.5, space=RATES, incumbent=None, **changes):
    """The end of a search whose legs end as `score` says: a number, or how they end without one."""
    values = {"challengers": 18, "resumable": False, **changes}
    task = SearchTask(
        space=space, incumbent=incumbent or {"lr": 0.01}, warm=(), seed=1, budget=30.0, unit=BudgetUnit.STEPS, **values
    )
    history = []
    while not isinstance(step := caviar.decide(task, history), Finished):
        history = [ended(leg, score(leg)) for leg in step.legs] + history
        history = list({result.request.name: result for result in history}.values())
    return step


def ended(leg, score):
    return LegResult(leg, score, None) if isinstance(score, LegEnd) else LegResult(leg, LegEnd.COMPLETED, score)


def worse(leg):
    return 0.5 if leg.trial != "search.000" else 1.0


def better(leg):
    return 0.5 if leg.trial == "search.000" else 1.0


def few_complete(leg):
    return better(leg) if leg.trial in ("search.000", "search.001", "search.002") else LegEnd.CRASHED


def half_complete(leg):
    return worse(leg) if int(leg.trial[-3:]) % 2 == 0 else LegEnd.DIVERGED


# how it scores, the changes, what was too small about it
SEARCHES = [
    (worse, {}, ""),  # 18 challengers
    (worse, {"full_runs": 0.0}, "it tried 2 challengers of at least 7"),  # a budget that is spent before it began
    (worse, {"full_runs": 0.0, "resumable": True}, "it tried 2 challengers of at least 7"),
    (worse, {"full_runs": 7.0}, "it tried 6 challengers of at least 7"),
    (worse, {"full_runs": 8.0}, ""),
    (worse, {"challengers": 2}, ""),  # two were asked for
    (worse, {"challengers": 6, "full_runs": 0.0}, "it tried 2 challengers of at least 6"),
    (better, {"full_runs": 0.0}, "it tried 2 challengers of at least 7"),  # pairs with it could be FRESH, too
    (worse, {"full_runs": 0.0, "space": Space.of([FLAG, DEPTH]), "incumbent": {"nesterov": True, "depth": 1}},
     "it tried 2 challengers of at least 5"),
    (worse, {"space": Space.of([FLAG]), "incumbent": {"nesterov": True}, "full_runs": 0.0}, ""),  # there is one other
    (few_complete, {}, "2 of 18 challengers completed, and half of them must"),
    (half_complete, {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("score", "changes", "said"), SEARCHES)
def test_a_caviar_search_says_whether_it_was_too_small(score, changes, said):
    end = searched(score, **changes)
    assert end.too_small.startswith(said)
    assert bool(end.too_small) == bool(said)
    assert not end.failed


CAPACITY = Capacity(10.0, 2, False, 30.0, BudgetUnit.STEPS, probe_runs=0, no_panda="it keeps no state")


@pytest.mark.parametrize("resumable", [False, True])
def test_the_budget_that_it_names_holds_a_search_that_is_large_enough(resumable):
    capacity = replace(CAPACITY, compute_s=1.0, resumable=resumable)
    small = choose(capacity)
    assert not small.fits
    assert f"raise the budget to {budget_text(small.least_s)} or more" in small.sentence
    enough = choose(replace(capacity, compute_s=small.least_s))
    assert enough.fits
    end = searched(worse, full_runs=enough.full_runs, resumable=resumable)
    assert end.too_small == ""


def test_without_a_budget_or_a_timed_run_no_budget_is_named():
    assert choose(CAPACITY).least_s is None
    assert choose(replace(CAPACITY, compute_s=9.0, seconds_per_full_run=None)).least_s is None
