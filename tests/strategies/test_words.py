"""Counts and durations as a person reads them."""

import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.words import age, counted, duration, in_digits, readable


@pytest.mark.parametrize(("count", "words"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs")])
def test_a_noun_follows_its_number(count, words):
    assert counted(count, "pair") == words


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (100.0, 1, "100"),  # not 1e+02
        (3417.3, 3, "3420"),
        (0.004449, 2, "0.0044"),
        (1e-7, 3, "1e-07"),  # tiny: zeros would have to be counted
        (2e15, 3, "2e+15"),
        (-1.0, 3, "-1"),
        (float("inf"), 3, "inf"),
    ],
)
def test_numbers_have_an_exponent_only_where_they_are_huge_or_tiny(number, digits, text):
    assert in_digits(number, digits) == text


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "plain text: Müller, 模型, 🐼, café au lait, 50 % – “so”",
            "plain text: Müller, 模型, 🐼, café au lait, 50 % – “so”",
        ),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),  # spaces of other widths are seen
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),  # a colour
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),  # the title of a window
        ("\x9b2J", "\\x9b2J"),  # the same in one byte
        ("\x00\x08\x0b\x0c\x0d\x7f\x85", "\\x00\\x08\\x0b\\x0c\\r\\x7f\\x85"),
        ("one\ntwo\tthree", "one\\ntwo\\tthree"),  # a line end forges a line of a log
        ("one\u2028two\u2029", "one\\u2028two\\u2029"),
        ("a\u202eb\u202c \u2066c\u2069 \u200e\u061c", "a\\u202eb\\u202c \\u2066c\\u2069 \\u200e\\u061c"),
        ("a\u200bb\u200dc\u2060d\ufeff\u00ad", "a\\u200bb\\u200dc\\u2060d\\ufeff\\xad"),
        ("\U000e0041\u3164\u2800", "\\U000e0041\\u3164\\u2800"),  # tags, and letters that show nothing
        ("caf\udce9.csv", "caf\\xe9.csv"),  # a byte of a name that is not UTF-8
        ("\ud800", "\\ud800"),
    ],
)
def test_a_text_for_people_holds_nothing_that_acts_on_a_terminal_or_hides(text, shown):
    assert readable(text) == shown
    assert readable(readable(text)) == readable(text)


def test_line_ends_stay_where_they_are_ours():
    assert readable("first\nsecond\x1b\r\n", keep="\n") == "first\nsecond\\x1b\\r\n"


@given(st.text(st.characters()))
def test_no_text_brings_a_control_character_through(text):
    assert all(character.isprintable() or character.isspace() for character in readable(text))
    assert not {unicodedata.category(character) for character in readable(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
