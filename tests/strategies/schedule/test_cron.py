"""Cron expressions: read as Unix cron reads them, on a wall clock that changes twice a year."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.schedule.cron import parse_cron

UTC_ZONE = ZoneInfo("UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)


def moments(text, zone, start, count):
    zone, dates = ZoneInfo(zone), []
    for _ in range(count):
        start = parse_cron(text).next_after(start, zone)
        dates.append(f"{start.astimezone(zone):%Y-%m-%d %H:%M}")
    return dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 3 1 */3 *", ["2026-01-01 03:00", "2026-04-01 03:00", "2026-07-01 03:00"]),
        ("30 4 * * 0", ["2026-01-04 04:30", "2026-01-11 04:30", "2026-01-18 04:30"]),  # 0 and 7 are Sunday
        ("30 4 * * 7", ["2026-01-04 04:30", "2026-01-11 04:30", "2026-01-18 04:30"]),
        ("0 0 * * 1-5/2", ["2026-01-02 00:00", "2026-01-05 00:00", "2026-01-07 00:00"]),
        ("0 0 * * fri-sun", ["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"]),
        ("0 4 13 * 5", ["2026-01-02 04:00", "2026-01-09 04:00", "2026-01-13 04:00"]),  # the 13th, or a Friday
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("0 0 * * fri-mon", ["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"]),
        ("0 0 * * fri-mon/2", ["2026-01-02 00:00", "2026-01-04 00:00", "2026-01-09 00:00"]),
        ("0 0 L * *", ["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00"]),  # the last day of the month
        ("@monthly", ["2026-02-01 00:00", "2026-03-01 00:00", "2026-04-01 00:00"]),
        ("0 0 31 jan,mar *", ["2026-01-31 00:00", "2026-03-31 00:00", "2027-01-31 00:00"]),
    ],
)
def test_an_expression_means_what_it_means_to_cron(text, expected):
    assert moments(text, "UTC", START, 3) == expected


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [("Europe/Berlin", "2026-03-29", "2026-10-25"), ("America/New_York", "2026-03-08", "2026-11-01")],
)
def test_a_day_of_23_or_25_hours_is_neither_skipped_nor_doubled(zone, spring, autumn):
    hour = "30 2 * * *" if zone == "Europe/Berlin" else "30 1 * * *"
    gap = "30 2 * * *"
    before = datetime.fromisoformat(spring).replace(tzinfo=UTC) - timedelta(hours=12)
    assert moments(gap, zone, before, 2) == [f"{spring} 03:30", f"{next_day(spring)} 02:30"]
    before = datetime.fromisoformat(autumn).replace(tzinfo=UTC) - timedelta(hours=12)
    dates = moments(hour, zone, before, 2)
    assert [moment[:10] for moment in dates] == [autumn, next_day(autumn)]


def next_day(text):
    return str(date.fromisoformat(text) + timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0 30 2 *", "never occurs"),
        ("0 */6 * * *", "more than once a day"),
        ("* * * * *", "more than once a day"),
        ("0 0 * *", "not a cron expression"),
        ("0 0 * * 8", "not a cron expression"),
        ("0 0 * * 1/0", "not a cron expression"),
        ("0 0 31 2,4 *", "never occurs"),
        ("0 0 32 * *", "not a cron expression"),
        ("0 0 1 13 *", "not a cron expression"),
        ("0 0 * * fri-mon/0", "not a cron expression"),
        ("0 0 0 * * *", "not a cron expression"),
        ("61 0 * * *", "not a cron expression"),
        ("", "not a cron expression"),
    ],
)
def test_an_unusable_expression_is_refused_on_one_line(text, message):
    with pytest.raises(InputError, match=message):
        parse_cron(text)


DAYS = st.sets(st.integers(1, 31), min_size=1, max_size=4)
WEEKDAYS = st.sets(st.integers(0, 6), min_size=1, max_size=4)
MONTHS = st.sets(st.integers(1, 12), min_size=1, max_size=6)


def joined(numbers):
    return "*" if numbers is None else ",".join(str(number) for number in sorted(numbers))


def is_hit(day, days, months, weekdays):
    """Written down from the manual of cron."""
    on_day = days is None or day.day in days
    on_weekday = weekdays is None or (day.weekday() + 1) % 7 in weekdays
    either = days is not None and weekdays is not None
    return (months is None or day.month in months) and (on_day or on_weekday if either else on_day and on_weekday)


@given(st.none() | DAYS, st.none() | MONTHS, st.none() | WEEKDAYS, st.integers(0, 23), st.integers(0, 59))
def test_the_days_are_those_of_the_manual(days, months, weekdays, hour, minute):
    text = f"{minute} {hour} {joined(days)} {joined(months)} {joined(weekdays)}"
    year = [START + timedelta(days=shift, hours=hour, minutes=minute) for shift in range(365)]
    expected = [day for day in year if is_hit(day, days, months, weekdays)]
    dates, moment = [], START - timedelta(minutes=1)
    try:
        cron = parse_cron(text)
    except InputError:
        assert expected == []
        return
    while (moment := cron.next_after(moment, UTC_ZONE)) < START + timedelta(days=365):
        dates.append(moment)
    assert dates == expected
