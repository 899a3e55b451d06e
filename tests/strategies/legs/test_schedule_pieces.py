"""Schedules of a command model: replayed as legs with constant values, each from the checkpoint of the one before."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.state.campaigns.legs import results_of
from retuned.strategies.legs.schedule_pieces import joined, stretches
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Outcome, Purpose, Role

LEG = LegRequest(
    "search.001.r0",
    "search.001",
    Purpose.SEARCH,
    {"lr": ((0.0, 0.1), (4.0, 0.01)), "batch": 64},
    1,
    2,
    0.0,
    10.0,
    role=Role.CANDIDATE,
    number=1,
)

# Each leg adds lr x steps to the sum in its checkpoint; the score is best where the sum is what the data says.
SCRIPT = """\
#!/bin/sh
set -eu
sum=0
[ -z "${RETUNED_CHECKPOINT_IN:-}" ] || sum=$(cat "$RETUNED_CHECKPOINT_IN")
awk -v sum="$sum" -v lr="$1" -v from="$RETUNED_FROM_STEP" -v to="$RETUNED_TO_STEP" -v want="$(cat "$RETUNED_DATA")" \\
    -v seed="$RETUNED_SEED" -v rows="$RETUNED_SPLIT_SEED" -v purpose="$RETUNED_PURPOSE" \\
    -v out="${RETUNED_CHECKPOINT_OUT:-/dev/null}" 'BEGIN {
    sum += lr * (to - from)
    printf "%.9f\\n", sum > out
    srand(seed % 9973 + rows % 4099 * 31 + (purpose == "search" || purpose == "probe") * 17 + int(sum * 1000) * 7)
    score = -((sum - want) ^ 2) + 0.02 * (rand() + rand() + rand() - 1.5)
    printf "{\\"step\\": %s, \\"metrics\\": {\\"score\\": %.9f, \\"sum\\": %.9f}}\\n", to, score, sum
}'
"""


def test_a_leg_is_cut_where_a_schedule_changes():
    first, last = stretches(LEG)
    assert (first.name, first.configuration, first.from_step, first.to_step) == (
        "search.001.r0.p0", {"lr": 0.1, "batch": 64}, 0.0, 4.0,
    )  # fmt: skip
    assert (last.name, last.configuration, last.from_step, last.to_step) == (
        "search.001.r0", {"lr": 0.01, "batch": 64}, 4.0, 10.0,
    )  # fmt: skip
    assert (first.parent, last.parent) == (None, "search.001.r0.p0")
    assert (first.keeps_checkpoint, last.keeps_checkpoint) == (True, False)


def test_a_leg_without_a_schedule_stays_as_it_is():
    leg = LegRequest("a", "a", Purpose.SEARCH, {"lr": 0.1}, 1, 2, 0.0, 10.0, role=Role.CANDIDATE, number=1)
    assert stretches(leg) == (leg,)


def test_a_leg_that_starts_later_takes_the_value_that_holds_there():
    leg = LegRequest(
        "r1",
        "t",
        Purpose.SEARCH,
        {"lr": ((0.0, 0.1), (4.0, 0.01), (8.0, 0.001))},
        1,
        2,
        5.0,
        10.0,
        "r0",
        role=Role.CANDIDATE,
        number=1,
    )
    assert [(piece.configuration["lr"], piece.from_step, piece.parent) for piece in stretches(leg)] == [
        (0.01, 5.0, "r0"),
        (0.001, 8.0, "r1.p0"),
    ]


SCHEDULES = st.lists(st.integers(1, 30), max_size=5, unique=True).map(
    lambda steps: ((0.0, 1.0), *((float(step), 1.0 + step) for step in sorted(steps)))
)


@given(first=SCHEDULES, second=SCHEDULES, start=st.integers(0, 19), length=st.integers(1, 20))
def test_the_pieces_cover_the_leg_in_order_with_the_values_of_each_step(first, second, start, length):
    leg = LegRequest(
        "l",
        "t",
        Purpose.SEARCH,
        {"a": first, "b": second},
        1,
        2,
        float(start),
        float(start + length),
        "before",
        True,
        role=Role.CANDIDATE,
        number=1,
    )
    pieces = stretches(leg)
    assert [piece.to_step for piece in pieces[:-1]] == [piece.from_step for piece in pieces[1:]]
    assert (pieces[0].from_step, pieces[-1].to_step) == (leg.from_step, leg.to_step)
    assert [piece.parent for piece in pieces] == ["before", *(piece.name for piece in pieces[:-1])]
    assert len({piece.name for piece in pieces}) == len(pieces)
    for piece in pieces:
        for step in (piece.from_step, piece.to_step - 1):
            assert piece.configuration["a"] == max((s, v) for s, v in first if s <= step)[1]
            assert piece.configuration["b"] == max((s, v) for s, v in second if s <= step)[1]


def test_the_results_of_the_pieces_are_one_result():
    pieces = stretches(LEG)
    parts = [
        LegResult(
            pieces[0], LegEnd.COMPLETED, -2.0, curve=((4.0, -2.0),), seconds=1.0, peak_memory_bytes=9, attempts=2
        ),
        LegResult(pieces[1], LegEnd.COMPLETED, -1.0, curve=((10.0, -1.0),), seconds=2.0, peak_memory_bytes=5),
    ]
    whole = joined(LEG, parts)
    assert (whole.request, whole.end, whole.score) == (LEG, LegEnd.COMPLETED, -1.0)
    assert whole.curve == ((4.0, -2.0), (10.0, -1.0))
    assert (whole.seconds, whole.peak_memory_bytes, whole.attempts) == (3.0, 9, 2)


def test_a_piece_that_failed_ends_the_leg_without_a_score():
    failed = LegResult(stretches(LEG)[0], LegEnd.DIVERGED, None, "loss is not finite")
    assert (joined(LEG, [failed]).end, joined(LEG, [failed]).score) == (LegEnd.DIVERGED, None)


@pytest.fixture
def scheduled(desk):
    """A shell training whose rate is a schedule, right for the data as it stands."""
    (desk.folder / "train.sh").write_text(SCRIPT)
    (desk.folder / "data.json").write_text("0.46")
    training = 'command = ["sh", "train.sh", "{lr}"]\nbudget = {steps = 9}\nresumable = true\nslots = 2'
    rate = 'type = "schedule"\nlow = 1e-3\nhigh = 1.0\nlog = true\nvalue = [[0, 0.1], [4, 0.012]]'
    desk.register(training=training, **{"hyperparameters.lr": rate})
    return desk


def test_a_schedule_is_trained_in_stretches_from_checkpoint_to_checkpoint(scheduled):
    baseline = scheduled.baseline()
    assert baseline.phase == "done"
    replicates = [r for r in results_of(scheduled.store, baseline.id) if r.request.trial.startswith("replicate.")]
    assert len(replicates) == 8
    assert [result.metrics["sum"] for result in replicates] == [pytest.approx(4 * 0.1 + 5 * 0.012)] * 8
    assert {tuple(step for step, _ in result.curve) for result in replicates} == {(4.0, 9.0)}
    legs = scheduled.store.state / "campaigns/1/legs"
    rates = [json.loads((legs / f"replicate.000{piece}.a1/hyperparameters.json").read_text()) for piece in (".p0", "")]
    assert rates == [{"lr": 0.1}, {"lr": 0.012}]


def test_a_schedule_that_no_longer_fits_is_stale_and_the_new_one_is_a_schedule(scheduled):
    scheduled.baseline()
    (scheduled.folder / "data.json").write_text("2.3")
    campaign = scheduled.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.STALE
    points = campaign.facts.ended.recommended["lr"]
    assert points[0][0] == 0
    lengths = [end - start for start, end in pairwise([*(step for step, _ in points), 9])]
    total = sum(rate * length for (_, rate), length in zip(points, lengths, strict=True))
    assert total == pytest.approx(2.3, abs=0.7)  # a value that the stored schedule is far from
    rungs = [r for r in results_of(scheduled.store, campaign.id) if r.request.name.endswith(".r1")]
    assert rungs != []
    assert [r for r in rungs if r.request.parent is not None and len(r.curve) < 1] == []
