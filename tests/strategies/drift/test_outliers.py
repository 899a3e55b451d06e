"""A few absurd values are found and reported; columns that moved, and tails that are merely long, are left alone."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from retuned.strategies.drift.outliers import KEPT_CELLS, Cell, Column, ColumnRange, suspect, usual_range

GENERATOR = random.Random(7)
TEMPERATURES = [round(GENERATOR.gauss(14, 9), 1) for _ in range(2000)]
DELAYS = [round(GENERATOR.paretovariate(2.5) * 20 - 25) for _ in range(3000)]
INCOMES = [round(GENERATOR.lognormvariate(10, 1.2)) for _ in range(3000)]
RAIN = [0.0 if GENERATOR.random() < 0.9 else round(GENERATOR.expovariate(0.1), 1) for _ in range(3000)]
COUNTS = [float(int(GENERATOR.expovariate(0.01))) for _ in range(3000)]
FLAGS = [float(GENERATOR.random() < 0.001) for _ in range(3000)]
ONES = [1.0] * 500


def column(values, *others, name="temp"):
    """A column with these numbers, and other cells below them."""
    cells = [Cell("", line, f"{value:g}", value) for line, value in enumerate(values, 2)]
    rising = sorted(cells, key=lambda cell: cell.value)
    missing = [text for text in others if text == ""]
    bad = [text for text in others if text != ""]
    return Column(
        name, len(values), len(missing), len(bad), [cell.value for cell in rising],
        tuple(rising[:KEPT_CELLS]), tuple(rising[::-1][:KEPT_CELLS]),
        tuple(Cell("", len(values) + 2 + at, text) for at, text in enumerate(bad)),
        tuple(Cell("", len(values) + 2 + at, text) for at, text in enumerate(missing)),
    )  # fmt: skip


def ranged(values, *others):
    return usual_range(column(values, *others))


def sentences(now, before):
    return [suspicion.sentence for suspicion in suspect(now, before)]


def planted(values, value, at=40):
    return [*values[:at], value, *values[at + 1 :]]


def test_the_sentence_names_column_line_value_and_what_is_usual():
    assert sentences(column([*([-12.0, 41.0] * 700), 9e9]), ranged([-12.0, 41.0] * 700)) == [
        "column temp, line 1,402: 9e+09 (usual range -12 to 41)"
    ]


GLITCHES = [
    (TEMPERATURES, 1e6),
    (TEMPERATURES, -9999.0),  # a code for a missing measurement
    (DELAYS, 100.0 * max(DELAYS)),  # a long tail, and still far beyond it
    (COUNTS, -9999.0),  # no smaller than ten times the range, but no count is negative
    (RAIN, 1e6),
    (RAIN, -9999.0),  # nothing lies below the middle of a column that is mostly zero
    (ONES, 100.0),  # a column of one value has no width
    ([0.0] * 500, 1e9),
]


@pytest.mark.parametrize(("values", "glitch"), GLITCHES)
def test_one_absurd_value_is_found_against_the_stored_range_and_alone(values, glitch):
    now = column(planted(values, glitch))
    for before in (ranged(values), None):
        (suspicion,) = suspect(now, before)
        assert [cell.value for cell in suspicion.cells] == [glitch]


USUAL = [
    (TEMPERATURES, [30 * value for value in TEMPERATURES]),  # another unit: the whole column moved
    (TEMPERATURES, [value + 300 for value in TEMPERATURES]),
    (COUNTS, [10 * value for value in COUNTS]),  # growth
    (COUNTS, [value / 10 for value in COUNTS]),
    (DELAYS, [*DELAYS, 3 * max(DELAYS)]),  # long tails grow longer
    (INCOMES, [*INCOMES, 5 * max(INCOMES)]),
    (RAIN, [*RAIN, 3 * max(RAIN)]),
    ([0.0] * 3000, FLAGS),  # something rare happened for the first time
    ([0.0] * 3000, [*[0.0] * 2998, 12.0, 250.0]),
    (ONES, [30.0] * 500),
    (TEMPERATURES, [*TEMPERATURES, *[1e6] * 60]),  # too many rows for a glitch
    (TEMPERATURES[:40], [*TEMPERATURES[:40], 1e6]),  # too few rows to know what is usual
]


@pytest.mark.parametrize(("before", "now"), USUAL)
def test_what_moved_as_a_whole_or_has_a_long_tail_is_no_glitch(before, now):
    assert suspect(column(now), ranged(before)) == ()


@pytest.mark.parametrize("values", [TEMPERATURES, DELAYS, INCOMES, RAIN, COUNTS, FLAGS, ONES])
def test_usual_columns_are_not_suspect_alone(values):
    assert suspect(column(values), None) == ()


def test_a_small_share_of_rows_is_reported_together_with_its_number():
    now = column([*TEMPERATURES, *[-9999.0] * 9])
    assert sentences(now, ranged(TEMPERATURES)) == [
        f"column temp, line 2,002: -9999, line 2,003: -9999, line 2,004: -9999 and 6 more "
        f"(usual range {min(TEMPERATURES):.4g} to {max(TEMPERATURES):.4g})"
    ]


def test_glitches_of_different_sizes_and_on_both_sides_do_not_hide_each_other():
    now = column([*TEMPERATURES, 1e4, 1e6, 1e9, -1e7])
    low, high = suspect(now, ranged(TEMPERATURES))
    assert [cell.value for cell in low.cells] == [-1e7]
    assert [cell.value for cell in high.cells] == [1e9, 1e6, 1e4]


def test_more_rows_than_are_kept_are_still_one_glitch():
    now = column([*TEMPERATURES * 20, *[1e6] * 150])
    (suspicion,) = suspect(now, ranged(TEMPERATURES))
    assert suspicion.count == 150
    assert "and 147 more" in suspicion.sentence


def test_a_range_leaves_glitches_out_so_that_they_are_found_again():
    now = column(planted(TEMPERATURES, 1e6))
    usual = usual_range(now, suspect(now, None))
    assert usual.high == max(planted(TEMPERATURES, 0.0))
    assert suspect(now, usual) != ()


def test_values_that_were_there_before_are_not_suspect():
    assert suspect(column(planted(TEMPERATURES, 1e6)), ranged(planted(TEMPERATURES, 1e6))) == ()


TEXTS = [
    (("abc",), ranged(TEMPERATURES), ["column temp, line 2,002: 'abc' (usually a number)"]),
    (("nan",), ranged(TEMPERATURES), ["column temp, line 2,002: 'nan' (usually a number)"]),
    (("abc",), None, ["column temp, line 2,002: 'abc' (usually a number)"]),
    (("abc",) * 4, None, []),  # a column of codes, such as rooms
    (("abc",), ranged(TEMPERATURES, "x7"), []),  # it had such values before
    (("",), ranged(TEMPERATURES), []),  # one gap among thousands is chance
    (("",) * 5, ranged(TEMPERATURES),
     ["column temp, line 2,002: empty, line 2,003: empty, line 2,004: empty and 2 more (usually without gaps)"]),
    (("",) * 5, ranged(TEMPERATURES, ""), []),
    (("",) * 5, None, []),
    (("abc",) * 1000, ranged(TEMPERATURES), []),  # no longer a column of numbers
]  # fmt: skip


@pytest.mark.parametrize(("texts", "before", "reported"), TEXTS)
def test_what_is_no_number_is_reported_where_there_was_none(texts, before, reported):
    assert sentences(column(TEMPERATURES, *texts), before) == reported


def test_long_text_is_cut_short():
    assert f"'{'a' * 24}...'" in sentences(column(TEMPERATURES, "a" * 100), None)[0]


def test_a_range_goes_through_json_unchanged():
    usual = ranged(TEMPERATURES, "abc", "")
    assert ColumnRange.from_json(usual.to_json()) == usual


@given(
    some.lists(some.floats(-1e3, 1e3), min_size=60, max_size=200),
    some.floats(1e-3, 1e3),
    some.floats(-1e3, 1e3),
)
@settings(max_examples=60, deadline=None)
def test_the_answer_does_not_depend_on_the_unit_of_a_column_without_zeros(values, factor, shift):
    before, now = [value + 2e3 for value in values], [value + 2e3 for value in [*values, shift, 1e7]]
    plain = suspect(column(now), ranged(before))
    scaled = suspect(column([factor * value for value in now]), ranged([factor * value for value in before]))
    assert [suspicion.count for suspicion in plain] == [suspicion.count for suspicion in scaled] == [1]
