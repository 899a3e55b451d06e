"""The path of the evidence, read back from the record, ends at the numbers of the verdict."""

import math
import random

import pytest
from retuned.strategies.legs.names import read_name
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose
from retuned.strategies.verdict.contract import Contract
from retuned.strategies.verdict.evidence import evidence_path
from retuned.strategies.verdict.runs import Pair, Run, SearchSummary
from retuned.strategies.verdict.verdict import judge
from retuned.strategies.verdict.verdict_records import TestPlan, Verdict

PLAN = TestPlan(alpha=0.0125, beta=0.1, d0=1.0, delta=1.0, n_max=8, birth_runs=8)
SOUND = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
SEARCH_SCORES = (0.2, 0.0, -3.0)


def leg(trial, end=LegEnd.COMPLETED, score=None, purpose=Purpose.CONFIRM):
    named = read_name(trial)
    request = LegRequest(trial, trial, purpose, {"lr": 0.1}, 1, 2, 0.0, 10.0, role=named.role, number=named.number)
    return LegResult(request, end, score if end is LegEnd.COMPLETED else None)


def record(gain, ends=None, pairs=12, seed=0):
    """Confirm legs whose challenger scores `gain` more; `ends` says how some runs ended otherwise."""
    draw = random.Random(seed)
    ends = ends or {}
    names = [f"confirm.{side}{number:03d}" for number in range(pairs) for side in "ic"]
    return tuple(
        leg(name, ends.get(name, LegEnd.COMPLETED), draw.gauss(0, 0.3) + gain * (name[8] == "c")) for name in names
    )


def judged(legs, first=LegEnd.COMPLETED):
    """The verdict on a record, and the record with the search's run of the incumbent in front."""
    first = leg("search.000", first, 0.0, Purpose.SEARCH)
    search = SearchSummary(incumbent=Run.of(first), scores=SEARCH_SCORES)
    pairs = tuple(
        Pair(number, Run.of(legs[2 * number]), Run.of(legs[2 * number + 1])) for number in range(len(legs) // 2)
    )
    verdict = judge(PLAN, SOUND, search, pairs)
    assert isinstance(verdict, Verdict)
    return verdict, (first, *legs)


FAILED = {"confirm.i000": LegEnd.DIVERGED, "confirm.i002": LegEnd.CRASHED}
RECORDS = [
    record(gain=1.2),  # STALE
    record(gain=0.0, seed=3),  # FRESH
    record(gain=0.6, seed=8),  # somewhere between
    record(gain=1.2, ends=FAILED),  # failed runs count as the floor
    record(gain=0.5, ends={"confirm.c001": LegEnd.LOST}),  # a lost pair is skipped
]


@pytest.mark.parametrize("legs", RECORDS)
def test_the_last_look_has_the_numbers_of_the_verdict(legs):
    verdict, results = judged(legs)
    path = evidence_path(PLAN, verdict, results)
    last = path.looks[-1]
    assert last.n_pairs == verdict.n_pairs
    assert (last.bounds.mean, last.bounds.sd, last.bounds.e_value) == (verdict.mean, verdict.sd, verdict.e_value)
    assert [bound if math.isfinite(bound) else None for bound in (last.bounds.lower, last.bounds.upper)] == [
        verdict.lower,
        verdict.upper,
    ]
    assert last.divergence_e == verdict.divergence_e


def test_the_looks_are_at_four_six_eight_pairs():
    verdict, results = judged(record(gain=0.6, seed=8))
    path = evidence_path(PLAN, verdict, results)
    assert [look.n_pairs for look in path.looks] == list(range(4, verdict.n_pairs + 1, 2))


def test_a_failed_run_counts_as_the_floor_of_the_verdict():
    verdict, results = judged(record(gain=1.2, ends=FAILED))
    pair = evidence_path(PLAN, verdict, results).pairs[0]
    assert pair.difference == pytest.approx(pair.challenger.score - verdict.floor)
    assert (pair.has_failure, pair.is_lost) == (True, False)


def test_a_lost_pair_is_shown_and_not_counted():
    verdict, results = judged(record(gain=0.5, ends={"confirm.c001": LegEnd.LOST}))
    path = evidence_path(PLAN, verdict, results)
    assert [pair.number for pair in path.pairs if pair.is_lost] == [1]
    assert path.pairs[1].difference is None
    assert not path.pairs[1].has_failure


def test_the_order_of_the_record_does_not_matter():
    verdict, results = judged(record(gain=1.2))
    assert evidence_path(PLAN, verdict, results[::-1]) == evidence_path(PLAN, verdict, results)


def test_without_pairs_the_path_is_empty():
    verdict, _ = judged(record(gain=1.2))
    alone = tuple(leg(f"confirm.i{number:03d}", score=0.0) for number in range(4))
    path = evidence_path(PLAN, verdict, alone)
    assert (path.pairs, path.looks) == ((), ())
