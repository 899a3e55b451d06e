"""When a process counts as standing still, and in which order it is ended."""

import pytest
from retuned.daemon.service.standstill import Sign, Standstill

STEP_S = 600.0


def look_at(moments, progress=None, asked=()):
    """What is new at each of these looks, in seconds; `progress` by moment: it moved there."""
    watch, stage, signs = Standstill(STEP_S, 0.0), 0, []
    for moment in moments:
        stage += moment in (progress or ())
        sign = watch.look(stage, moment, must_end=moment in asked)
        signs += [] if sign is None else [(moment, sign)]
    return signs


ENDING = [(780, Sign.ASKED), (810, Sign.KILLED), (840, Sign.UNDYING)]


@pytest.mark.parametrize(
    ("moments", "progress", "expected"),
    [
        # one that gets on every few minutes is left alone
        (range(30, 7200, 30), range(300, 7200, 300), []),
        # one that stands still from its start is told, then asked, then killed
        (range(30, 870, 30), (), [(630, Sign.STILL), *ENDING]),
        # one that moves after it was told is told again as moving, and counted anew
        (range(30, 1200, 30), (660,), [(630, Sign.STILL), (660, Sign.MOVES)]),
        # the machine slept for a night between two looks, and everything moves after it
        ([30, 60, 30_000, 30_030, 30_060], (30_030,), []),
        # the service alone was stopped for a night and looks twice before a campaign had its turn
        ([30, 30_000, 30_001, 30_002], (), []),
        # several nights one after the other, without a round between them in which anything moved
        ([30, 30_000, 60_000, 60_030], (60_030,), []),
        # rounds that are an hour apart: it takes several of them
        (range(3600, 36_000, 3600), (), [
            (18_000, Sign.STILL), (21_600, Sign.ASKED), (25_200, Sign.KILLED), (28_800, Sign.UNDYING),
        ]),
        # a clock that stands
        ([30] * 100, (), []),
    ],
)  # fmt: skip
def test_a_process_stands_still_when_it_was_seen_to_make_no_progress_for_so_long(moments, progress, expected):
    signs = look_at(moments, progress)
    assert signs[: len(expected)] == expected
    assert len(signs) == len(expected) or signs[-1][1] is Sign.UNDYING


def test_a_process_of_a_cancelled_campaign_is_gone_within_ten_seconds_or_given_up():
    signs = look_at(range(30), range(30), asked=range(3, 30))
    assert signs[:3] == [(3, Sign.ASKED), (8, Sign.KILLED), (13, Sign.UNDYING)]


def test_a_process_that_was_asked_to_end_is_killed_though_it_moves():
    assert look_at(range(8), range(8), asked=(1,)) == [(1, Sign.ASKED), (6, Sign.KILLED)]
