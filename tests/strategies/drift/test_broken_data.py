import pytest
from retuned.strategies.drift.broken_data import broken_data
from retuned.strategies.drift.outliers import Cell, Column, ColumnRange


def ranged(name, numbers=500):
    return ColumnRange(name, numbers, 0, 0, 0.0, 0.1, 0.2, 0.5, 0.7, 0.9, 1.0)


def column(name, numbers, bad=0, missing=0, text="x"):
    cells = tuple(Cell("", 2 + at, text) for at in range(min(bad, 3)))
    return Column(name, numbers, missing, bad, [0.5] * numbers, bad_cells=cells)


BEFORE = {name: ranged(name) for name in ("a", "b", "c")}
WHOLE = {name: column(name, 480) for name in ("a", "b", "c")}


@pytest.mark.parametrize(
    ("now", "sentences"),
    [
        (WHOLE, ()),
        ({**WHOLE, "new": column("new", 0, 480)}, ()),
        ({name: column(name, 60) for name in "abc"}, ()),  # much smaller, but data
        ({**WHOLE, "b": column("b", 300, 180)}, ()),  # some text in a column is for outliers.py
        ({name: column(name, 0) for name in "abc"}, ("no row is left where there were 500",)),
        ({}, ("no row is left where there were 500",)),
        ({name: column(name, 20) for name in "abc"}, ("20 rows are left where there were 500",)),
        ({"<html>": column("<html>", 0, 12)}, ("12 rows are left where there were 500",)),
        ({"a": WHOLE["a"], "b": WHOLE["b"]}, ("column c is gone",)),
        ({"a": WHOLE["a"]}, ("columns b, c are gone",)),
        (
            {**WHOLE, "b": column("b", 0, 480, text="12,5")},
            ("column b holds hardly any numbers now, such as '12,5' in line 2 (decimal commas?)",),
        ),
        ({**WHOLE, "b": column("b", 0, 480, text="n" * 40)}, (
            f"column b holds hardly any numbers now, such as '{'n' * 24}...' in line 2",
        )),
        ({**WHOLE, "b": column("b", 0, missing=480)}, ("column b holds hardly any numbers now",)),
    ],
)  # fmt: skip
def test_data_that_is_broken_as_a_whole_is_told_in_a_sentence(now, sentences):
    assert broken_data(now, BEFORE) == sentences


def test_where_nothing_was_known_nothing_is_broken():
    assert broken_data({}, {}) == ()


def test_many_broken_columns_are_counted():
    before = {f"c{n}": ranged(f"c{n}") for n in range(9)}
    sentences = broken_data({name: column(name, 0, 500) for name in before}, before)
    assert len(sentences) == 6
    assert sentences[-1] == "4 more columns hold hardly any numbers now"
