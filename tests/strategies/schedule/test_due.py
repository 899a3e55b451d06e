"""When a model is due again."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.schedule.due import (
    Every,
    campaigns_a_year,
    next_due,
    parse_duration_s,
    parse_every,
)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
month_distances = st.integers(1, 36).map(lambda count: Every(months=count))
distances = st.one_of(month_distances, st.integers(1, 400).map(lambda count: Every(days=count)))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("3 months", Every(months=3)),  # the usual one
        ("2 weeks", Every(days=14)),  # weeks are days
        ("10 days", Every(days=10)),
        ("1 year", Every(months=12)),  # a year is twelve calendar months, so 29 February is clamped
        ("month", Every(months=1)),  # one goes without saying
        ("every 6 Months ", Every(months=6)),  # as people write it
        ("never", Every()),
    ],
)
def test_the_time_between_due_dates_is_read_as_people_write_it(text, every):
    assert parse_every(text) == every


@pytest.mark.parametrize(
    "text", ["", "3", "0 days", "-1 month", "1.5 months", "3 fortnights", "months 3", "200 years", "99999999 days"]
)
def test_an_interval_that_cannot_be_read_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=r"not an interval.*3 months|too long.*never"):
        parse_every(text)


@pytest.mark.parametrize(
    ("after", "every", "anchor", "due"),
    [
        ("2023-11-30", "3 months", "2023-11-30", "2024-02-29"),  # clamped to the end of a leap February
        ("2022-11-30", "3 months", "2022-11-30", "2023-02-28"),  # and of an ordinary one
        ("2024-02-29", "3 months", "2023-11-30", "2024-05-30"),  # counted from the anchor: the 30th comes back
        ("2024-02-29", "1 year", "2024-02-29", "2025-02-28"),  # a leap day has no other
        ("2027-03-01", "1 year", "2024-02-29", "2028-02-29"),  # until the next leap year
        ("2024-01-31", "1 month", "2024-01-31", "2024-02-29"),
        ("2024-01-10", "2 weeks", "2024-01-01", "2024-01-15"),
        ("2024-01-15", "2 weeks", "2024-01-01", "2024-01-29"),  # strictly later than the moment given
        ("2020-01-01", "3 months", "2024-01-31", "2024-04-30"),  # never the anchor itself, nor before it
    ],
)
def test_the_next_due_date_is_counted_from_the_anchor(after, every, anchor, due):
    assert next_due(day(after), parse_every(every), day(anchor)) == day(due)


def test_nothing_is_due_when_it_is_never():
    assert next_due(day("2024-01-01"), parse_every("never"), day("2024-01-01")) is None
    assert next_due(day("2030-01-01"), parse_every("never"), day("2024-01-01")) is None


def test_three_missed_due_dates_leave_one_in_the_future():
    assert next_due(day("2024-05-10"), parse_every("1 month"), day("2024-01-31")) == day("2024-05-31")


def test_a_moment_in_another_time_zone_is_compared_in_utc():
    tokyo = timezone(timedelta(hours=9))
    after = datetime(2024, 1, 31, 8, tzinfo=tokyo)  # 30 January 23:00 UTC
    due = next_due(after, Every(days=1), day("2024-01-30"))
    assert due == day("2024-01-31")
    assert due is not None
    assert due.tzinfo is UTC


def test_a_moment_without_a_time_zone_is_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="no time zone"):
        next_due(datetime(2024, 1, 1), Every(days=1), day("2024-01-01"))  # noqa: DTZ001


@given(moments, moments, distances)
def test_the_next_due_date_lies_in_the_future_and_no_earlier_one_does(after, anchor, every):
    due = next_due(after, every, anchor)
    assert due is not None
    assert due > max(after, anchor)
    before = next_due(due - timedelta(microseconds=1), every, anchor)
    assert before == due
    longest = timedelta(days=every.days or 31 * every.months)
    assert due - max(after, anchor) <= longest


@given(moments, month_distances, st.integers(1, 40))
def test_due_dates_keep_the_day_of_the_anchor_or_the_end_of_the_month(anchor, every, count):
    due = anchor
    for _ in range(count):
        following = next_due(due, every, anchor)
        assert following is not None
        due = following
    months = (due.year - anchor.year) * 12 + due.month - anchor.month
    assert months == count * every.months
    assert due.timetz() == anchor.timetz()
    assert due.day == anchor.day or (due.day < anchor.day and (due + timedelta(days=1)).day == 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [("3 months", 4.0), ("1 year", 1.0), ("2 years", 0.5), ("1 day", 365.2425), ("2 weeks", 26.0888), ("never", 0.0)],
)
def test_campaigns_a_year_follow_from_the_time_between_due_dates(text, count):
    assert campaigns_a_year(parse_every(text)) == pytest.approx(count, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800.0),
        ("2h", 7200.0),
        ("90s", 90.0),
        ("1d", 86400.0),
        ("1h 30m", 5400.0),
        ("1h30m", 5400.0),
        ("1.5 hours", 5400.0),
        ("45 minutes", 2700.0),
        ("0", 0.0),  # nothing needs no unit
        (12.5, 12.5),  # a number of the program's own is of seconds
        (0, 0.0),
    ],
)
def test_a_duration_is_read_in_seconds(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "-3m", "3 parsecs", "30m later", "1e3", "3months", -1, float("nan"), float("inf"), True, 10**400]
)
def test_a_duration_that_cannot_be_read_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=r"not a duration.*30m"):
        parse_duration_s(text)


@pytest.mark.parametrize(("text", "number"), [("20", "20"), (" 5 ", "5"), ("1.5", "1.5"), ("300", "300")])
def test_a_text_without_a_unit_is_refused_with_what_it_may_mean(text, number):
    with pytest.raises(InputError, match="has no unit; allowed: numbers with their unit: s, m, h or d") as refused:
        parse_duration_s(text)
    assert f"write {number}s, {number}m or {number}h" in str(refused.value)
