"""Maintenance windows: read, over midnight, over the change of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.schedule.cron import parse_cron
from retuned.strategies.schedule.windows import DAYS, Window, next_open, parse_window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = (parse_window("Mon-Fri 20:00-06:00"), parse_window("Sat Sun"))


def is_open(some, moment, zone):
    return next_open(some, moment, zone) == moment


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Mon-Fri 20:00-06:00", Window(frozenset(range(5)), 1200, 1800)),
        ("sat, SUN", Window(frozenset({5, 6}))),
        ("22:00-4:30", Window(frozenset(range(7)), 1320, 1710)),
        ("Fri-Mon 00:00-24:00", Window(frozenset({4, 5, 6, 0}))),
        ("Tue 08:15-09:45", Window(frozenset({1}), 495, 585)),
    ],
)
def test_a_window_is_days_hours_or_both(text, window):
    assert parse_window(text) == window


@pytest.mark.parametrize("text", ["", "Moon", "Mon-", "Mon 8-9", "25:00-26:00", "08:00-08:00", "Mon 08:60-09:00", "-"])
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match="is not a window"):
        parse_window(text)


@given(st.text(alphabet="MonTueSat -:0123456789,", max_size=25))
def test_any_text_is_a_window_or_one_line(text):
    message = ""
    try:
        parse_window(text)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-24 12:00", "2026-11-24 20:00"),
        ("2026-11-24 20:00", "2026-11-24 20:00"),
        ("2026-11-25 05:59", "2026-11-25 05:59"),  # Tuesday's night
        ("2026-11-25 06:00", "2026-11-25 20:00"),
        ("2026-11-28 07:00", "2026-11-28 07:00"),
        ("2026-11-30 07:00", "2026-11-30 20:00"),
    ],
)
def test_a_campaign_waits_until_the_next_window_opens(moment, opens):
    assert next_open(NIGHTS, at(moment), BERLIN) == at(opens)


def test_without_windows_it_is_always_open():
    assert is_open((), at("2026-11-25 06:00"), BERLIN)


def test_a_window_that_the_change_to_summer_time_skips_opens_a_week_later():
    window = (parse_window("Sun 02:00-03:00"),)
    assert next_open(window, at("2026-03-28 12:00"), BERLIN) == at("2026-04-05 02:00")


@pytest.mark.parametrize(
    ("zone", "window", "moment", "opens"),
    [
        ("Europe/Berlin", "Sun 02:00-03:00", "2027-03-22 00:00", "2027-04-04 00:00"),  # the hour is skipped on the 28th
        ("Australia/Lord_Howe", "Sun 02:00-02:30", "2026-09-28 00:00", "2026-10-10 15:00"),  # a shift of half an hour
        ("Africa/Cairo", "Fri 00:00-01:00", "2026-04-18 00:00", "2026-04-30 21:00"),  # the clock is changed at midnight
        ("Pacific/Apia", "Fri", "2011-12-24 12:00", "2012-01-05 10:00"),  # a whole Friday is skipped
    ],
)
def test_the_only_window_of_a_week_may_be_skipped_by_the_clock(zone, window, moment, opens):
    found = next_open((parse_window(window),), datetime.fromisoformat(moment).replace(tzinfo=UTC), ZoneInfo(zone))
    assert found == datetime.fromisoformat(opens).replace(tzinfo=UTC)


@st.composite
def windows(draw):
    days = draw(st.sets(st.sampled_from(DAYS), min_size=1))
    start = draw(st.integers(0, 1439))
    end = draw(st.integers(0, 1439).filter(lambda minute: minute != start))
    return parse_window(f"{' '.join(days)} {start // 60}:{start % 60:02d}-{end // 60}:{end % 60:02d}")


@given(st.lists(windows(), min_size=1, max_size=3), st.integers(0, 366 * 24 * 60))
def test_it_is_open_from_the_given_moment_and_closed_before(some, minute):
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    opens = next_open(some, moment, BERLIN)
    assert moment <= opens <= moment + timedelta(days=15)
    assert is_open(some, opens, BERLIN)
    probes = [moment + timedelta(hours=hours) for hours in range(0, 15 * 24, 5)]
    assert not any(is_open(some, probe, BERLIN) for probe in probes if probe < opens)


ZONES = sorted(name for name in available_timezones() if "/" in name)


@st.composite
def near_changes_of_the_clock(draw):
    """A moment at most nine days before a change of some zone's clock."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    start = datetime(draw(st.integers(1990, 2037)), 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=day) for day in range(366)]
    changes = [
        day
        for day in days
        if day.astimezone(zone).utcoffset() != (day - timedelta(days=1)).astimezone(zone).utcoffset()
    ]
    change = draw(st.sampled_from(changes or days))
    return zone, change - timedelta(minutes=draw(st.integers(0, 9 * 24 * 60)))


@settings(max_examples=300)
@given(near_changes_of_the_clock(), windows(), st.integers(0, 23), st.sampled_from([30, 60]))
def test_in_every_zone_a_weekly_window_opens_within_three_weeks(place, drawn, hour, length):
    zone, moment = place
    hourly = Window(frozenset(sorted(drawn.days)[:1]), hour * 60, hour * 60 + length)
    for window in (drawn, hourly):
        opens = next_open((window,), moment, zone)
        assert moment <= opens <= moment + timedelta(days=22)
        assert is_open((window,), opens, zone)


@settings(max_examples=200)
@given(near_changes_of_the_clock(), st.integers(0, 23), st.integers(0, 59), st.sampled_from(["*", "0", "6"]))
def test_in_every_zone_a_cron_date_is_neither_lost_nor_doubled(place, hour, minute, weekday):
    zone, moment = place
    cron = parse_cron(f"{minute} {hour} * * {weekday}")
    first = cron.next_after(moment, zone)
    second = cron.next_after(first, zone)
    days = 1 if weekday == "*" else 7
    assert moment < first <= moment + timedelta(days=2 * days, hours=1)
    assert timedelta(days=days, hours=-3) <= second - first <= timedelta(days=2 * days, hours=3)
