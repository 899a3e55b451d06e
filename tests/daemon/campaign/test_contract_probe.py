"""The probe of the contract: what it runs, and that scores which are the same by chance are no breach."""

import random
from types import SimpleNamespace

import pytest
from retuned.daemon.campaign.contract_probe import probe_contract
from retuned.daemon.config.training_tables import BudgetTable
from retuned.strategies.records import LegEnd, LegResult, Purpose

SLICE, DEVELOPMENT = 75, 600  # rows
SHORT = [
    "probe.base", "probe.equal", "probe.equal2", "probe.equal3", "probe.seed", "probe.purpose", "probe.confirm_split",
]  # fmt: skip


class Runs:
    """Runs that are scored by a function of their request."""

    def __init__(self, score):
        self.score, self.names = score, []

    def run(self, requests):
        self.names += [request.name for request in requests]
        return tuple(LegResult(request, LegEnd.COMPLETED, self.score(request)) for request in requests)


def probed(score, seed=1, amount=10, are_rows_drawn=False):
    file = SimpleNamespace(training=SimpleNamespace(budget=BudgetTable(epochs=amount)), are_rows_drawn=are_rows_drawn)
    runs = Runs(score)
    return probe_contract(runs, {"lr": 0.1}, seed, file), runs.names


def commonest_class(request):
    """Settings so bad that the model names one class always: its accuracy is that class's share of the rows."""
    confirms = request.purpose is Purpose.CONFIRM
    rows, count = (request.split_seed % 4096, SLICE) if confirms else ("development", DEVELOPMENT)
    draw = random.Random(f"rows {rows}")
    return sum(draw.random() < 0.5 for _ in range(count)) / count


def test_a_kept_contract_costs_seven_short_runs():
    contract, names = probed(lambda leg: hash((leg.seed, leg.split_seed, leg.purpose)) % 1000 + 0.5)
    assert (contract.breaches, names) == ((), SHORT)


def test_slices_that_score_the_same_by_chance_are_no_breach():
    """One slice in ten has as many rows of the commonest class as another: whatever the seed of the campaign, the
    contract is kept, and more runs are needed in some."""
    found = [probed(commonest_class, seed, are_rows_drawn=True) for seed in range(60)]
    assert {contract.breaches for contract, _ in found} == {()}
    more = [names for _, names in found if len(names) > len(SHORT)]
    assert 0 < len(more) < 20
    assert any("probe_full.confirm_split2" in names for names in more)


@pytest.mark.parametrize(
    ("score", "ignored", "more"),
    [
        (lambda leg: leg.seed, ("split", "purpose"), 4),
        (lambda leg: (leg.split_seed, leg.purpose).__hash__(), ("seed",), 2),
        (lambda leg: leg.seed + leg.split_seed, ("purpose",), 4),
        (lambda _: 0.5, ("seed", "split", "purpose"), 6),
    ],
    ids=["fixed rows", "fixed seed", "one cut for all", "a constant"],
)
def test_what_is_ignored_is_ignored_with_further_values_too(score, ignored, more):
    contract, names = probed(score)
    assert contract.ignored == ignored
    assert len(names) == 2 * len(SHORT) + more
    assert len(set(names)) == len(names)


def test_a_budget_of_one_step_is_probed_once():
    _, names = probed(lambda leg: leg.seed, amount=1)
    assert names[:7] == SHORT
    assert {name.partition(".")[0] for name in names} == {"probe"}
