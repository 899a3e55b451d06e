"""A time column is ordered by what its cells mean."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.splits.moments import moment_of


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("17", (17.0, False)),
        (" 1.5 ", (1.5, False)),
        (3, (3.0, False)),
        ("20110101", (20110101.0, False)),  # sorts as a number
        ("1970-01-02", (86400.0, True)),
        ("1970/1/2", (86400.0, True)),
        ("1970-02", (31 * 86400.0, True)),  # a month
        ("1970-01-01 01:00:00", (3600.0, True)),
        ("1970-01-01T01:00:00Z", (3600.0, True)),
        ("1970-01-01T01:00:00+01:00", (0.0, True)),
        (date(1970, 1, 3), (2 * 86400.0, True)),
        (datetime(1970, 1, 1, 1), (3600.0, True)),  # noqa: DTZ001 - a time without a zone counts as UTC
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), (0.0, True)),
        ("", None),
        ("nan", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_a_cell_is_a_number_a_date_or_nothing(cell, moment):
    assert moment_of(cell) == moment


@pytest.mark.parametrize("cell", ["31/12/2011", "Mon", "inf", "2011-13-01", True, [1], "12:30\x1b[31m"])
def test_a_cell_that_does_not_sort_is_refused_in_one_line(cell):
    with pytest.raises(InputError, match="is no moment that sorts") as caught:
        moment_of(cell)
    assert "\x1b" not in str(caught.value)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants it so
def test_text_and_value_of_a_moment_agree(moment):
    assert moment_of(moment.isoformat()) == moment_of(moment)
