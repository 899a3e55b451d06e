"""What was put off while the clock was ahead follows it back."""

from datetime import timedelta

import pytest
from retuned.daemon.config.schedule_tables import HouseScheduleTable
from retuned.daemon.service.schedule import queue_due
from retuned.daemon.state.moments import MOMENTS, Follows, shift_back
from retuned.daemon.state.outbox import due_messages, enqueue
from retuned.daemon.state.store import from_text, to_text


def test_every_column_that_holds_a_moment_is_listed(desk):
    tables = [row["name"] for row in desk.store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    named = {
        f"{table}.{column['name']}"
        for table in tables
        if not table.startswith(("sqlite_", "_sqlite"))
        for column in desk.store.rows(f"PRAGMA table_info({table})")
        if column["name"] == "at" or column["name"].endswith(("_at", "_until", "_before"))
    }
    assert named == set(MOMENTS)


def at_of(store, name):
    table, column = name.split(".")
    return from_text(store.row(f"SELECT {column} AS at FROM {table} ORDER BY rowid DESC LIMIT 1")["at"])  # noqa: S608


SHIFTED = [name for name, follows in MOMENTS.items() if follows is Follows.SHIFTED]


@pytest.mark.parametrize("name", SHIFTED)
@pytest.mark.parametrize(("put_off", "waits"), [(60, 60), (7200, 7200), (-60, -60)])
def test_what_is_put_off_moves_back_with_the_clock(judged_copy, clock, name, put_off, waits):
    store, table, column = judged_copy.store, *name.split(".")
    ahead = clock.now() + timedelta(days=400)
    with store.transaction():
        store.insert(
            "channel_alerts", {"channel": "am", "key": "k", "labels": "{}", "payload": "{}", "next_send_at": ""}
        )
        at = to_text(ahead + timedelta(seconds=put_off))
        store.change(f"UPDATE {table} SET {column} = ?", (at,))  # noqa: S608
    shift_back(store, ahead, clock.now())
    assert at_of(store, name) == max(clock.now() + timedelta(seconds=waits), clock.now())


def test_what_was_put_off_by_the_right_clock_comes_no_later(judged_copy, clock):
    store = judged_copy.store
    with store.transaction():
        store.change("UPDATE campaigns SET not_before = ?", (to_text(clock.now() + timedelta(minutes=5)),))
    shift_back(store, clock.now() + timedelta(days=1), clock.now())
    assert at_of(store, "campaigns.not_before") == clock.now()


def test_a_message_put_off_while_the_clock_was_ahead_is_due_again_after_the_round_that_sees_it(judged_copy, clock):
    store = judged_copy.store
    queue_due(store, clock.now(), HouseScheduleTable())
    clock.move(days=30)
    queue_due(store, clock.now(), HouseScheduleTable())
    with store.transaction():
        store.change("DELETE FROM outbox")
        enqueue(
            store, message_id="msg_1", alert_id=1, url="http://127.0.0.1:9/", secret_reference=None, payload="{}",
            now=clock.now(),
        )  # fmt: skip
        store.change("UPDATE outbox SET next_attempt_at = ?", (to_text(clock.now() + timedelta(minutes=1)),))
    clock.move(days=-30)
    queue_due(store, clock.now(), HouseScheduleTable())
    clock.move(minutes=1)
    assert [message.id for message in due_messages(store, clock.now(), 9)] == ["msg_1"]
