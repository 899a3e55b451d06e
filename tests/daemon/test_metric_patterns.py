"""Patterns that find a metric in what a training prints, and the numbers that they find."""

import math

import pytest
from retuned.daemon.metric_patterns import BadPattern, compile_pattern, number_in


def found(pattern, line):
    return [(value, step) for _, value, step in compile_pattern(pattern).matches(line)]


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (r"val_loss[=:] *(\S+)", "epoch 3: val_loss=0.31", [("0.31", None)]),
        (r"loss=(\S+)", "loss=0.5 val_loss=0.4", [("0.5", None), ("0.4", None)]),  # every match, in order
        (r"epoch (?P<step>\d+).*loss=(\S+)", "epoch 3: loss=0.31", [("0.31", "3")]),
        (r"loss=(?P<value>\S+) (epoch|step) (?P<step>\d+)", "loss=0.3 step 9", [("0.3", "9")]),
        (r"loss(?:=(\S+))?;", "loss; loss=2;", [("2", None)]),  # a match without the value is none
        (r"loss=(\S+)", "nothing here", []),
    ],
)
def test_the_values_on_a_line_are_found_with_their_steps(pattern, line, expected):
    assert found(pattern, line) == expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"val_loss=(\S+", "is no regular expression: missing )"),
        (r"val_loss=\S+", "has no group for the number"),
        (r"(loss|score)=(\S+)", "has 2 groups"),
        (r"(?P<step>\d+)", "has no group for the number"),
        (r"(.*)", "matches an empty line"),
        ("(a{99999999999})", "is no regular expression"),
        ("(" * 400 + ")" * 400, "matches an empty line"),
        ("(x)" + "y" * 1000, "has 1003 characters"),
        ("\bloss=([0-9.]+)", "holds the control character '\\x08'"),  # "\b" in TOML's double quotes
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_in_words(pattern, words):
    with pytest.raises(BadPattern) as refused:
        compile_pattern(pattern)
    assert words in refused.value.found
    assert refused.value.allowed
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.31", 0.31),
        ("0.31,", 0.31),
        ("'-1.5e-3',", -0.0015),
        ("[0.31]", 0.31),
        (".5)", 0.5),
        ("93.2%", 93.2),
        ("3/20", 3.0),
        ("1,234.5", None),  # a thousands separator, or a decimal comma: not for us to guess
        ("0.3M", None),
        ("12:30", None),
        ("oops", None),
        ("", None),
        ("1.2.3", None),
    ],
)
def test_a_number_is_read_as_people_print_it_and_never_guessed(text, number):
    assert number_in(text) == number


@pytest.mark.parametrize("text", ["nan", "NaN,", "-nan", "inf", "Infinity"])
def test_what_is_not_finite_is_a_number_too(text):
    assert not math.isfinite(number_in(text))
