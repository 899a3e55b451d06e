"""Counts and durations as a person reads them."""

from datetime import timedelta

import pytest
from retuned.strategies.words import age, counted, duration


@pytest.mark.parametrize(("count", "words"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs")])
def test_a_noun_follows_its_number(count, words):
    assert counted(count, "pair") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown time"),
        (0, "0 s"),
        (0.456, "0.456 s"),
        (48, "48 s"),
        (59, "59 s"),
        (60, "1 min"),
        (89.4, "1.49 min"),
        (90, "1.5 min"),
        (720, "12 min"),
        (5399, "1.5 h"),
        (5400, "1.5 h"),
        (18720, "5.2 h"),
        (100_000, "27.8 h"),  # below two days, hours say more
        (259_200, "3 days"),
        (106_704_000, "1240 days"),  # three digits, and never an exponent
    ],
)
def test_a_duration_has_three_digits_and_its_largest_unit(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (121, "2 minutes"),
        (126_000, "35 hours"),
        (172_800, "2 days"),
    ],
)
def test_an_age_is_in_whole_units(seconds, words):
    assert age(timedelta(seconds=seconds)) == words
