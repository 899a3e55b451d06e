"""Pages: read one after the other they give every row once, whatever comes or goes meanwhile."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.schedule_tables import HouseScheduleTable
from retuned.daemon.reports.drift_record import drift_page, drift_points
from retuned.daemon.state.alert import alerts_page, list_alerts
from retuned.daemon.state.campaigns.campaigns import campaigns_of, last_verdict
from retuned.daemon.state.models.history_list import history_page
from retuned.daemon.state.models.model_list import list_models
from retuned.daemon.state.models.models import known_entry
from retuned.daemon.state.models.registry import find_model, register, settings_of
from retuned.daemon.state.models.schedule_list import schedule_page
from retuned.daemon.state.paging import MOST, Order, checked_limit, cursor_after, key_in
from retuned.daemon.state.store import to_text
from retuned.strategies.errors import InputError, UnknownName
from retuned.strategies.records import Outcome

HOUSE = HouseScheduleTable()
COPIED = """model_id, model_version, settings_version, kind, trigger, phase, seed, options, facts, verdict, created_at,
    started_at, ended_at"""
NAMES = [f"m{number}" for number in range(7)]


def read_all(ask, limit):
    """The rows of all pages; `ask` gives a page after a cursor."""
    rows, cursor = ask(None, limit)
    assert len(rows) <= limit
    while cursor is not None:
        more, cursor = ask(cursor, limit)
        assert 1 <= len(more) <= limit
        rows += more
    return rows


def enter(desk, name, now, schedule='every = "3 months"'):
    path = desk.write_model(top=f'name = "{name}"\nowner = "team {name}"', schedule=schedule)
    return register(desk.store, load_model_file(path), path, now).model


@pytest.fixture
def many(desk, clock):
    """Seven models, registered a day apart, the last of them weekly."""
    for name in NAMES:
        enter(desk, name, clock.now(), 'cron = "0 3 * * 1"' if name == "m6" else 'every = "3 months"')
        clock.move(days=1)
    return desk


def copies(desk, count):
    """The judged desk's re-evaluations so many times more."""
    with desk.store.transaction():
        for _ in range(count):
            desk.store.change(
                f"INSERT INTO campaigns ({COPIED}) SELECT {COPIED} FROM campaigns WHERE id = 3"  # noqa: S608
            )
            desk.store.change(
                """INSERT INTO alerts (campaign_id, model_id, owner, kind, cause, group_id, severity, message,
                created_at, state, opened_at) SELECT (SELECT max(id) FROM campaigns), model_id, owner, kind, cause,
                group_id, severity, message, created_at, state, opened_at FROM alerts WHERE campaign_id = 3"""
            )
    return desk


BAD_CURSORS = [
    "",
    "x",
    "!!!",
    "\u00e4",
    "W10",  # []
    "bnVsbA",  # null
    "e30",  # {}
    "[" * 4000,
    base64.urlsafe_b64encode(b"[" * 3000).decode(),
    cursor_after("alerts", 3),  # another list's
    cursor_after("models"),
    cursor_after("models", 3),  # no name
    cursor_after("models", "a", "b"),
    cursor_after("models", "a\0b"),
    cursor_after("models", "\ud800"),
]


@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_that_no_page_gave_is_refused_in_a_line(desk, cursor):
    with pytest.raises(InputError, match=r"^cursor is .*allowed: the `next` of an earlier answer"):
        list_models(desk.store, cursor, 10)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, True, 1.5, "3"])
def test_a_number_that_the_database_cannot_compare_is_no_key(number):
    with pytest.raises(InputError, match="cursor is"):
        key_in(cursor_after("models", number), "models", (int,))


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(text):
    with pytest.raises(InputError, match="cursor is"):
        key_in(text, "none of these", (str,))


@given(st.text(st.characters(categories=["L", "N", "P"]), max_size=40), st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_cursor_gives_its_key_back(name, number):
    assert key_in(cursor_after("list", name, number), "list", (str, int)) == (name, number)


@pytest.mark.parametrize("limit", [0, -1, MOST + 1, 2**53])
def test_a_page_has_bounds(limit):
    with pytest.raises(InputError, match=f"limit is {limit}; allowed: 1 to 1000"):
        checked_limit(limit)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_models_are_listed_once_each_in_order_of_name(many, limit):
    models = read_all(lambda cursor, limit: list_models(many.store, cursor, limit), limit)
    assert [model.name for model in models] == NAMES
    assert [model.owner for model in models] == [f"team {name}" for name in NAMES]


def test_a_listed_model_says_what_the_model_itself_says(judged):
    ((listed,), cursor) = list_models(judged.store, None, 10)
    model = find_model(judged.store, "toy")
    for name in ("name", "state", "version", "settings_version", "next_due_at", "registered_at"):
        assert getattr(listed, name) == getattr(model, name)
    assert (listed.owner, listed.metric, listed.direction) == ("tests", "score", "maximize")
    assert (listed.settings, cursor) == (dict(model.configuration), None)
    verdict = last_verdict(judged.store, model.id)
    assert listed.last_verdict is verdict.outcome is Outcome.STALE
    assert (listed.label, listed.is_critical, listed.watch) == (verdict.label, verdict.critical, verdict.watch)


def test_a_model_that_comes_between_two_pages_shifts_none(many, clock):
    first, cursor = list_models(many.store, None, 3)
    enter(many, "a-new-one", clock.now())
    second, _ = list_models(many.store, cursor, 3)
    assert [model.name for model in (*first, *second)] == NAMES[:6]


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_alerts_come_once_each_newest_first(judged_copy, limit):
    copies(judged_copy, 4)
    for name in (None, "toy"):
        alerts = read_all(lambda cursor, limit: alerts_page(judged_copy.store, name, cursor, limit), limit)  # noqa: B023
        assert [alert.id for alert in alerts] == [5, 4, 3, 2, 1]
        assert alerts == list_alerts(judged_copy.store, name)


def test_an_alert_raised_between_two_pages_shifts_none(judged_copy):
    copies(judged_copy, 3)
    first, cursor = alerts_page(judged_copy.store, None, None, 2)
    copies(judged_copy, 1)
    second, _ = alerts_page(judged_copy.store, None, cursor, 2)
    assert [alert.id for alert in (*first, *second)] == [4, 3, 2, 1]


def test_the_alerts_of_a_model_are_found_by_an_index(desk):
    plan = desk.store.rows(
        "EXPLAIN QUERY PLAN SELECT * FROM alerts WHERE model_id = 1 AND id < 9 ORDER BY id DESC LIMIT 3"
    )
    assert [row["detail"] for row in plan] == ["SEARCH alerts USING INDEX alerts_by_model (model_id=? AND id<?)"]


@pytest.mark.parametrize("limit", [1, 2, 4, 1000])
@pytest.mark.parametrize("order", Order)
def test_a_history_comes_whole_in_either_order(judged_copy, limit, order):
    copies(judged_copy, 3)
    store, model, settings, campaigns = judged_copy.store, find_model(judged_copy.store, "toy"), (), ()
    with store.transaction():
        for version in (2, 3):
            store.change(
                "INSERT INTO settings (model_id, version, configuration, origin, created_at) SELECT model_id, ?,"
                " configuration, origin, created_at FROM settings WHERE version = 1",
                (version,),
            )
    cursor, is_first = None, True
    while is_first or cursor is not None:
        versions, some, measured, cursor = history_page(store, model, order, cursor, limit)
        assert {one.model_version for one in some} == {one.version for one in measured}
        assert {(one.metric, one.lower_is_better) for one in measured} <= {("score", False)}
        settings, campaigns, is_first = settings + versions, campaigns + some, False
    step = 1 if order is Order.OLDEST else -1
    assert settings == settings_of(store, model)[::step]
    assert [one.id for one in campaigns] == [one.id for one in campaigns_of(store, model.id)][::step]


def test_a_history_leaves_the_profile_of_the_data_to_reports(judged):
    model = find_model(judged.store, "toy")
    _, campaigns, _, _ = history_page(judged.store, model, Order.NEWEST, None, 9)
    assert all(campaign.facts.prepared.ranges is None for campaign in campaigns)
    whole = {campaign.id: campaign for campaign in campaigns_of(judged.store, model.id)}
    assert all(campaign.verdict == whole[campaign.id].verdict for campaign in campaigns)
    assert all(campaign.facts.ended == whole[campaign.id].facts.ended for campaign in campaigns)


@pytest.mark.parametrize("limit", [1, 2, 1000])
@pytest.mark.parametrize("order", Order)
def test_a_drift_record_comes_whole_in_either_order(judged_copy, limit, order):
    copies(judged_copy, 2)
    store, model = judged_copy.store, find_model(judged_copy.store, "toy")
    points = read_all(lambda cursor, limit: drift_page(store, model, order, cursor, limit), limit)
    assert points == drift_points(store, model)[:: 1 if order is Order.OLDEST else -1]
    assert [point.campaign_id for point in points[:: 1 if order is Order.OLDEST else -1]] == [1, 2, 3, 4, 5]


def test_a_cursor_of_one_order_is_none_of_the_other(judged):
    model = find_model(judged.store, "toy")
    _, cursor = drift_page(judged.store, model, Order.OLDEST, None, 1)
    with pytest.raises(InputError, match="cursor is"):
        drift_page(judged.store, model, Order.NEWEST, cursor, 1)


def by_hand(store, now, months):
    """The dates of all models, each model's by itself, sorted."""
    until, dates = now + timedelta(days=30.44 * months), []
    for name in NAMES:
        model = find_model(store, name)
        calendar, moment = model.file.schedule.calendar(HOUSE, name), model.next_due_at
        while moment is not None and moment <= until:
            dates.append((moment, name))
            moment = calendar.next_due(moment, model.anchor_at)
    return sorted(dates)


@pytest.mark.parametrize("limit", [1, 4, 10, 1000])
def test_due_dates_come_in_order_over_all_models(many, clock, limit):
    dates = read_all(lambda cursor, limit: schedule_page(many.store, HOUSE, clock.now(), 9, None, cursor, limit), limit)
    assert [(date.due_at, date.model) for date in dates] == by_hand(many.store, clock.now(), 9)
    assert len(dates) > 50


def test_due_dates_at_the_same_time_come_in_order_of_name(many, clock):
    with many.store.transaction():
        at = clock.now() + timedelta(days=3)
        many.store.change("UPDATE models SET next_due_at = ?, anchor_at = ?", (to_text(at), to_text(at)))
    dates = read_all(lambda cursor, limit: schedule_page(many.store, HOUSE, clock.now(), 7, None, cursor, limit), 2)
    assert [(date.due_at, date.model) for date in dates] == by_hand(many.store, clock.now(), 7)


def test_the_first_page_of_due_dates_reads_no_model_that_is_due_later(many, clock):
    with many.store.transaction():
        many.store.change("UPDATE models SET next_due_at = ?", (to_text(clock.now() + timedelta(days=80)),))
        soon = to_text(clock.now() + timedelta(days=1))
        many.store.change("UPDATE models SET next_due_at = ? WHERE name = 'm6'", (soon,))
        many.store.change("UPDATE model_versions SET body = json_set(body, '$.schedule', 'broken') WHERE model_id = 3")
    (first,), cursor = schedule_page(many.store, HOUSE, clock.now(), 12, None, None, 1)
    assert (first.model, cursor is None) == ("m6", False)


FAR = [
    cursor_after("schedule", "9999-12-31T23:59:59.999999+00:00", "toy"),
    cursor_after("schedule", "2126-01-01T00:00:00+00:00", None),
]


@pytest.mark.parametrize("cursor", FAR)
def test_nothing_is_due_after_the_last_month(many, clock, cursor):
    assert schedule_page(many.store, HOUSE, clock.now(), 120, None, cursor, 10) == ((), None)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", None, "-1-1-1"])
def test_a_cursor_of_no_moment_is_refused(many, clock, text):
    with pytest.raises(InputError, match="cursor is"):
        schedule_page(many.store, HOUSE, clock.now(), 12, None, cursor_after("schedule", text, "toy"), 10)


def test_an_early_moment_begins_at_the_first_date(many, clock):
    cursor = cursor_after("schedule", to_text(datetime(1, 1, 2, tzinfo=UTC)), "")
    assert (
        schedule_page(many.store, HOUSE, clock.now(), 12, None, cursor, 3)[0]
        == (schedule_page(many.store, HOUSE, clock.now(), 12, None, None, 3)[0])
    )


def test_of_many_names_an_error_tells_those_beside(desk, clock):
    first = enter(desk, "m00", clock.now())
    with desk.store.transaction():
        for number in range(1, 90):
            row = desk.store.row("SELECT * FROM models WHERE id = ?", (first.id,))
            desk.store.insert("models", dict(row) | {"id": 1 + number, "name": f"m{number:02}"})
    with pytest.raises(UnknownName, match="no model is registered as 'm45x'") as refused:
        known_entry(desk.store, "m45x")
    assert refused.value.allowed == f"registered: {', '.join(f'm{n}' for n in range(36, 56))} and 70 more"
    assert json.dumps(refused.value.allowed)
