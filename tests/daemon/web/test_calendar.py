"""The page of the schedule: days and months of the coming year, and the training that they need against the limits."""

from datetime import UTC, date, datetime, timedelta

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.schedule_tables import HouseScheduleTable, LimitsTable
from retuned.daemon.state.models.year_ahead import DayAhead, YearAhead, year_ahead
from retuned.daemon.state.store import to_text
from retuned.daemon.state.tokens import Role
from retuned.daemon.web.calendar_view import months_of, said_of_year
from retuned.daemon.web.pages import add_pages

TODAY = date(2026, 11, 29)
YEAR = YearAhead(
    (
        DayAhead(TODAY, 1, 2.0, 0),
        DayAhead(date(2026, 12, 1), 4, 8.0, 1),
        DayAhead(date(2027, 3, 1), 2, 0.0, 2),
    ),
    date(2027, 11, 29),
)


def test_months_hold_all_their_days_and_nothing_of_others():
    months = months_of(YEAR, TODAY, LimitsTable(), 0.0)
    assert [months[0].name, months[-1].name, len(months)] == ["November 2026", "November 2027", 13]
    days = [cell.day for month in months for week in month.weeks for cell in week if cell is not None]
    assert days == [date(2026, 11, 1) + timedelta(days=number) for number in range(len(days))]
    assert all(len(week) == 7 for month in months for week in month.weeks)


def test_the_fullest_day_has_the_darkest_shade_and_an_empty_one_none():
    november, december, *_ = months_of(YEAR, TODAY, LimitsTable(), 0.0)
    shades = {cell.day: cell.shade for month in (november, december) for week in month.weeks for cell in week if cell}
    assert (shades[TODAY], shades[date(2026, 12, 1)], shades[date(2026, 12, 2)]) == (1, 4, 0)


@pytest.mark.parametrize(
    ("limit", "used", "november", "is_too_much"),
    [
        (None, 0.0, "1 due, about 2.0 hours of training", False),
        (10.0, 0.0, "1 due, about 2.0 hours of training; 2.0 of 10 hours a month", False),
        (10.0, 9.0, "1 due, about 2.0 hours of training; with 9.0 hours used 11.0 of 10 hours a month", True),
        (1.0, 0.0, "1 due, about 2.0 hours of training; 2.0 of 1 hours a month", True),
    ],
)
def test_a_month_is_held_against_the_limit(limit, used, november, is_too_much):
    first, second, *_ = months_of(YEAR, TODAY, LimitsTable(hours_a_month=limit), used)
    assert (first.needs, first.is_too_much) == (november, is_too_much)
    assert "used" not in second.needs  # what is used counts in this month alone


@pytest.mark.parametrize(
    ("limits", "used", "said", "is_too_much"),
    [
        (LimitsTable(), 0.0, "7 re-evaluations, about 10.0 hours of training and 3 of unknown cost.", False),
        (LimitsTable(hours_a_year=100), 5.0, "in 2026 5.0 hours are used and 10.0 to come, of 100 allowed.", False),
        (LimitsTable(hours_a_year=12), 5.0, "of 12 allowed.", True),
    ],
)
def test_the_year_is_held_against_the_limit(limits, used, said, is_too_much):
    sentence, found = said_of_year(YEAR, limits, used, TODAY)
    assert said in sentence
    assert found is is_too_much


def test_little_training_is_told_in_smaller_units():
    sentence, _ = said_of_year(YearAhead((DayAhead(TODAY, 1, 0.5, 0),), YEAR.ends), LimitsTable(), 0.0, TODAY)
    assert sentence == "1 re-evaluation, about 30 minutes of training."


def test_a_year_with_too_much_says_how_far_it_was_looked_at():
    sentence, _ = said_of_year(YearAhead(YEAR.days, date(2027, 1, 1)), LimitsTable(), 0.0, TODAY)
    assert "only up to 2027-01-01" in sentence


def due_in(desk, days):
    with desk.store.transaction():
        desk.store.change("UPDATE models SET next_due_at = ?", (to_text(SystemClock().now() + timedelta(days=days)),))


def test_the_year_ahead_knows_what_the_last_re_evaluation_cost(judged_copy):
    due_in(judged_copy, 10)
    now = SystemClock().now()
    found = year_ahead(judged_copy.store, HouseScheduleTable(), now)
    assert found.days[0].day == (now + timedelta(days=10)).date()
    assert found.days[0].due == 1
    assert found.days[0].hours > 0
    assert found.days[0].unknown == 0
    assert found.ends == (now + timedelta(days=12 * 30.44)).date()


def test_at_most_so_many_dates_are_looked_at(judged_copy):
    judged_copy.register(top='name = "weekly"\nowner = "tests"', schedule='cron = "0 3 * * 1"')
    found = year_ahead(judged_copy.store, HouseScheduleTable(), datetime.now(UTC), "weekly", most=3)
    assert sum(day.due for day in found.days) == 3
    assert found.days[-1].day <= found.ends < found.days[-1].day + timedelta(days=8)


def test_the_page_is_a_calendar_with_what_is_due_on_each_day(judged_copy, serve):
    due_in(judged_copy, 10)
    made = serve(judged_copy, add_pages=add_pages)
    text = made.browser(Role.VIEWER).get(f"{made.url}/schedule", timeout=30).text
    made.api.stop()
    day = SystemClock().now() + timedelta(days=10)
    assert f"<h2>{day:%B %Y}</h2>" in text
    assert f">{day.day}<b>1</b></td>" in text
    assert " of training" in text
