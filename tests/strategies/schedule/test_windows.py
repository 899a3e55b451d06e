"""Maintenance windows: read, over midnight, over the change of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.schedule.windows import DAYS, Window, is_open, next_open, parse_window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = (parse_window("Mon-Fri 20:00-06:00"), parse_window("Sat Sun"))


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
