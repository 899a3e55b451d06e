"""Where a drift record is interrupted: at what the owner changed, and at nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from retuned.strategies.drift.drift import DriftPoint
from retuned.strategies.drift.segments import changed, segments

POINT = DriftPoint(
    campaign_id=1, kind="retune", at=datetime(2026, 1, 31, tzinfo=UTC), trigger="manual", settings_version=1,
    outcome=None, reason="", incumbent=-0.2, challenger=None, mean=None, lower=None, upper=None, e_value=None,
    n_pairs=0, compute_s=1.0, runs=8, data="d1", environment="e1", changes=(), code="1a2b3c4d", training="t1",
    budget="6 epochs", metric="loss", lower_is_better=True, source="/data/rides.csv",
)  # fmt: skip

CHANGES = [
    ({}, ""),
    # what drifts, or is said elsewhere
    ({"data": "d2"}, ""),
    ({"environment": "e2"}, ""),
    ({"incumbent": -0.9, "trigger": "data", "campaign_id": 2}, ""),
    # what an owner does
    ({"settings_version": 2}, "settings v1 -> v2"),
    ({"code": "9f8e7d6c"}, "code 1a2b3c -> 9f8e7d"),
    ({"code": "1a2b3cff"}, "code changed"),  # two that begin alike are two all the same
    # the same files as in an older record, which knew nothing of what they import; then others
    ({"code": "9f8e7d6c", "named_code": "1a2b3c4d"}, ""),
    ({"code": "9f8e7d6c", "named_code": "5a6b7c8d"}, "code 1a2b3c -> 9f8e7d"),
    ({"metric": "mae"}, "metric loss (lower is better) -> mae (lower is better)"),
    ({"lower_is_better": False}, "metric loss (lower is better) -> loss"),
    ({"source": "/data/new.csv"}, "data source /data/rides.csv -> /data/new.csv"),
    ({"source": ""}, "data source /data/rides.csv -> none"),
    ({"budget": "12 epochs"}, "budget 6 epochs -> 12 epochs"),
    ({"training": "t2"}, "training command changed"),
    ({"settings_version": 3, "code": "9f8e7d6c"}, "settings v1 -> v3, code 1a2b3c -> 9f8e7d"),
]


@pytest.mark.parametrize(("changes", "why"), CHANGES)
def test_what_an_owner_changed_interrupts_the_record_and_is_said(changes, why):
    assert changed(POINT, replace(POINT, **changes)) == why
    assert len(segments((POINT, replace(POINT, **changes)))) == (2 if why else 1)


def test_segments_hold_every_point_once_with_label_and_reason():
    second, third = replace(POINT, settings_version=2), replace(POINT, settings_version=2, metric="mae")
    first, middle, last = segments((POINT, POINT, second, third))
    assert [segment.start for segment in (first, middle, last)] == [0, 2, 3]
    assert [segment.points for segment in (first, middle, last)] == [(POINT, POINT), (second,), (third,)]
    assert first.label == "settings v1, code 1a2b3c, metric loss (lower is better)"
    assert last.label == "settings v2, code 1a2b3c, metric mae (lower is better)"
    assert [segment.why for segment in (first, middle)] == ["", "settings v1 -> v2"]


def test_a_change_of_what_the_code_imports_interrupts_the_record():
    before = replace(POINT, named_code="0a0a0a0a")
    assert changed(before, replace(before, code="9f8e7d6c")) == "code 1a2b3c -> 9f8e7d"


def test_settings_that_come_back_are_a_segment_of_their_own():
    assert len(segments((POINT, replace(POINT, settings_version=2), POINT))) == 3


def test_an_empty_record_has_no_segment():
    assert segments(()) == ()
