"""When a run is hopeless: the median rule, and what keeps late bloomers safe from it."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from retuned.strategies.search.median_stopping import SAFETY, StopRule, WatchedRun, first_hopeless

WHOLE = 10


def line(last, start=0.0, bend=1.0):
    """A curve of ten reports from `start` to `last`; bend below 1: early, above 1: late."""
    return tuple((float(step), start + (last - start) * (step / WHOLE) ** bend) for step in range(1, WHOLE + 1))


def rule(*curves, stopped=0, budget=float(WHOLE)):
    return StopRule(tuple(curves), stopped, budget)


WILD = st.lists(st.floats(-1e3, 1e3), min_size=WHOLE, max_size=WHOLE).map(
    lambda scores: tuple(enumerate(scores, start=1))
)
SMOOTH = st.builds(line, st.floats(-0.5, 1.5), st.floats(-0.5, 0.5), st.floats(0.05, 6.0))
CURVES = WILD | SMOOTH
PEERS = st.lists(CURVES, min_size=5, max_size=9) | st.lists(SMOOTH, min_size=5, max_size=9)
GOOD = st.builds(line, st.floats(0.8, 1.2), st.just(0.0), st.floats(0.1, 0.3))
POOR = st.builds(line, st.floats(-0.2, 0.2), st.just(0.0), st.floats(0.05, 0.3))

FIVE = tuple(line(last, bend=0.2) for last in (0.8, 0.9, 1.0, 1.1, 1.2))  # they rise 0.15 from step 5 on, at most


@pytest.mark.parametrize(
    ("curve", "peers", "stopped_at"),
    [
        (line(0.2, bend=0.2), rule(*FIVE), 5.0),  # flat and low: at the first report of the second half
        (line(1.05, bend=0.2), rule(*FIVE), None),  # better than the median
        (line(0.9, bend=0.2), rule(*FIVE), None),  # below it, by less than others still rose
        (line(0.2, bend=0.2), rule(*FIVE[:4]), None),  # too few to compare with
        (line(0.2, bend=0.2), rule(*FIVE[:4], ((10.0, 1.0),)), None),  # a run with one report is not compared with
        (line(0.2, bend=0.2), rule(*FIVE[:4], line(1.0)[7:]), 8.0),  # one that reported late counts from there on
        (line(1.0), rule(*FIVE), None),  # half as good at the half, at a pace that brings it there
        (line(0.4), rule(*FIVE), 5.0),  # at a pace that does not
        (line(0.2, bend=0.2)[9:], rule(*FIVE), None),  # the end is no early end
        (line(0.2, bend=0.2)[4:], rule(*FIVE), 6.0),  # one report says nothing
        (line(0.2, bend=0.2)[:4], rule(*FIVE), None),  # not before the half
        (((4.0, 0.1), (4.0, 0.1), (6.0, math.nan), (7.0, 0.1)), rule(*FIVE), None),  # diverges: its end will show that
        (((6.0, 0.1), (5.0, 0.1), (7.0, 0.1)), rule(*FIVE), None),  # a step that goes back: nothing is certain
        (line(0.2, bend=0.2), rule(*FIVE, stopped=2), 5.0),  # stopped ones count as the worst ...
        (line(0.2, bend=0.2), rule(*FIVE, stopped=6), None),  # ... so that stopping does not raise the bar
        (
            line(0.2, bend=0.2),
            rule(*FIVE, line(2.0, start=0.2, bend=40.0)),
            None,
        ),  # one other made it in its last steps
        (line(0.2, bend=0.2), rule(*FIVE, budget=math.inf), None),
    ],
)
def test_a_run_is_hopeless_where_it_is_worse_than_usual_and_no_rise_ever_seen_would_help(curve, peers, stopped_at):
    reason = first_hopeless(peers, curve)
    assert (None if reason is None else reason.step) == stopped_at


def test_the_reason_is_given_in_the_metrics_own_direction():
    reason = first_hopeless(rule(*FIVE), line(0.2, bend=0.2))
    assert reason.sentence(lower_is_better=False).startswith(
        "stopped as hopeless at 5 of 10: 0.1741 at best, the average"
    )
    assert "-0.1741 at best" in reason.sentence(lower_is_better=True)
    assert (reason.peers, reason.wanted) == (5, 1.0)
    assert reason.best < reason.median < reason.wanted
    assert reason.best < reason.reach < reason.wanted


@given(PEERS, st.data())
def test_the_best_of_those_compared_with_would_itself_never_have_been_stopped(curves, data):
    stopped = data.draw(st.integers(0, 3))
    best = max(curves, key=lambda curve: curve[-1][1])
    assert first_hopeless(rule(*curves, stopped=stopped), best) is None


@given(PEERS, CURVES)
def test_a_late_bloomer_that_rises_no_further_than_others_did_is_never_stopped(curves, bloomer):
    wanted = sorted(curve[-1][1] for curve in curves)[len(curves) // 2]
    assume(bloomer[-1][1] >= wanted)
    late = [step for step, _ in bloomer if WHOLE / 2 <= step < WHOLE]
    assume(all(rise(bloomer, step) <= SAFETY * max(rise(curve, step) for curve in curves) for step in late))
    assert first_hopeless(rule(*curves), bloomer) is None


def rise(curve, step):
    """From the best up to a step to the end."""
    return max(0.0, curve[-1][1] - max(score for at, score in curve if at <= step))


@pytest.mark.parametrize("bend", [3.0, 6.0])
@pytest.mark.parametrize("start", [-0.5, 0.0, 0.3])
def test_a_planted_late_bloomer_is_not_stopped_where_one_like_it_was_seen(bend, start):
    seen = line(0.9, start=start, bend=bend)
    assert first_hopeless(rule(*FIVE, seen), line(1.6, start=start, bend=bend)) is None
    assert first_hopeless(rule(*FIVE, seen), line(1.15, start=start, bend=bend)) is None


@pytest.mark.parametrize("bend", [1.0, 1.2, 1.5])
def test_a_run_that_is_slow_but_steady_is_not_stopped_where_all_others_were_quick(bend):
    assert first_hopeless(rule(*FIVE), line(1.3, bend=bend)) is None


@given(st.lists(GOOD, min_size=5, max_size=9), POOR | SMOOTH, st.randoms(use_true_random=False))
def test_the_order_in_which_the_others_ended_does_not_matter(curves, curve, shuffler):
    shuffled = shuffler.sample(curves, len(curves))
    assert first_hopeless(rule(*shuffled), curve) == first_hopeless(rule(*curves), curve)


@given(st.lists(GOOD, min_size=5, max_size=9), POOR)
def test_what_a_run_reports_later_does_not_change_what_was_decided(curves, curve):
    reason = first_hopeless(rule(*curves), curve)
    assume(reason is not None)
    upto = [point for point in curve if point[0] <= reason.step]
    assert first_hopeless(rule(*curves), upto) == reason
    assert first_hopeless(rule(*curves), upto[:-1]) is None


def test_a_run_that_is_left_alone_stays_so():
    watched = WatchedRun(rule(*FIVE))
    watched.leave_alone()
    assert [watched.see(step, score) for step, score in line(0.2, bend=0.2)] == [None] * WHOLE
