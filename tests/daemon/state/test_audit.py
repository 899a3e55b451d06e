"""The audit: every act leaves a row in its own transaction, no row changes, and none holds a secret."""

import sqlite3

import pytest
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.config.config import Config
from retuned.daemon.state.acting_user import login_user
from retuned.daemon.state.audit import Act, audit_page, recorded
from retuned.daemon.state.models.registry import set_state
from retuned.strategies.errors import ConflictError, InputError, UnknownName


@pytest.fixture
def verbs(judged_copy, clock):
    return Verbs(judged_copy.store, judged_copy.config, clock, caller="grafana", request_id="r-17")


def entries(store, name=None):
    return audit_page(store, name, None, None, 100)[0]


ACTS = [
    (lambda verbs: verbs.pause("toy", "too dear"), "pause", {"state": "active"}, {"state": "paused"}),
    (lambda verbs: verbs.retire("toy"), "retire", {"state": "active"}, {"state": "retired"}),
    (lambda verbs: verbs.retune("toy"), "retune", {"open_campaigns": []}, {"open_campaigns": [4]}),
    (lambda verbs: verbs.baseline("toy"), "baseline", {"open_campaigns": []}, {"open_campaigns": [4]}),
    (lambda verbs: verbs.ack(1, "seen"), "ack", {"alert 1": "open"}, {"alert 1": "acknowledged"}),
    (lambda verbs: verbs.snooze("toy", "1d", "later"), "snooze", {"alert 1": "open"},
     {"alert 1": "snoozed until 2026-02-01 09:00 UTC"}),
    (lambda verbs: verbs.token_create("ci", "viewer"), "token create", {}, {"role": "viewer", "state": "valid"}),
]  # fmt: skip


@pytest.mark.parametrize(("do", "act", "before", "after"), ACTS)
def test_an_act_says_who_did_what(verbs, clock, do, act, before, after):
    do(verbs)
    (entry,) = entries(verbs.store)
    assert (entry.by, entry.act, entry.at, entry.request_id) == ("grafana", act, clock.now(), "r-17")
    assert (entry.before, entry.after) == (before, after)


def test_adopting_and_rolling_back_keep_the_values_and_the_reason(verbs):
    lr = verbs.adopt("toy", why="it was cold\npassword=hunter2hunter2").configuration["lr"]
    verbs.rollback("toy")
    back, there = entries(verbs.store, "toy")
    assert (there.before["settings"], there.after["settings"]) == ({"lr": 0.01}, {"lr": lr})
    assert (there.subject, there.why) == ("campaign 3", "it was cold\\npassword=***")
    assert (back.act, back.before["settings_version"], back.after["settings_version"]) == ("rollback", 2, 3)


def test_an_answer_to_an_alert_keeps_its_reason_its_alert_and_its_model(verbs):
    verbs.snooze("1", "1d", "the data team looks; password=hunter2hunter2")
    verbs.unsnooze("1")
    back, put_off = entries(verbs.store, "toy")
    assert (put_off.subject, put_off.why) == ("alert 1", "the data team looks; password=***")
    assert (back.act, back.before["alert 1"][:7], back.after) == ("unsnooze", "snoozed", {"alert 1": "open"})


def test_a_removed_model_keeps_its_rows(verbs):
    verbs.remove("toy", retire=True)
    acts = [(entry.act, entry.after) for entry in entries(verbs.store, "toy")]
    assert [act for act, _ in acts] == ["remove", "retire"]
    assert acts[0][1] == {}


def test_a_token_is_on_record_without_its_secret(verbs):
    secret = verbs.token_create("ci", "viewer").secret
    verbs.token_revoke("ci")
    assert [entry.act for entry in entries(verbs.store)] == ["token revoke", "token create"]
    rows = verbs.store.rows("SELECT * FROM audit")
    assert secret not in str(rows)
    assert entries(verbs.store)[0].after == {"state": "revoked"}


def test_what_was_cancelled_is_named(verbs):
    verbs.retune("toy")
    verbs.cancel("toy")
    assert (entries(verbs.store)[0].act, entries(verbs.store)[0].subject) == ("cancel", "campaign 4")


@pytest.mark.parametrize(
    ("do", "error"),
    [
        (lambda verbs: verbs.pause("nobody"), UnknownName),
        (lambda verbs: verbs.rollback("toy"), InputError),
        (lambda verbs: verbs.adopt("toy", 99), UnknownName),
        (lambda verbs: verbs.ack(99), UnknownName),
        (lambda verbs: verbs.snooze("nosuch", "1d", "x"), UnknownName),
        (lambda verbs: verbs.unsnooze("toy"), ConflictError),
        (lambda verbs: verbs.nudge(3, {"lr": 0.1}), ConflictError),
    ],
)
def test_what_was_refused_is_no_act(verbs, do, error):
    with pytest.raises(error):
        do(verbs)
    assert entries(verbs.store) == ()


def test_an_act_that_fails_in_its_transaction_leaves_no_row(verbs, clock):
    store = verbs.store
    act = Act("me", "pause", "toy")
    with pytest.raises(sqlite3.Error), recorded(store, act, clock.now()), store.transaction():
        store.change("UPDATE nothing SET state = 'paused'")
    set_state(store, "toy", "paused")  # and the next transaction has none either
    assert entries(store) == ()


@pytest.mark.parametrize("statement", ["UPDATE audit SET by = 'nobody'", "DELETE FROM audit"])
def test_a_row_can_neither_be_changed_nor_deleted(verbs, statement):
    verbs.pause("toy")
    with pytest.raises(sqlite3.DatabaseError, match="append-only"), verbs.store.transaction():
        verbs.store.change(statement)
    assert len(entries(verbs.store)) == 1


def test_pages_go_back_in_time_and_since_cuts_them(verbs, clock):
    verbs.pause("toy")
    clock.move(days=2)
    verbs.resume("toy")
    verbs.pause("toy")
    page = verbs.audit(limit=2)
    assert [entry.act for entry in page.entries] == ["pause", "resume"]
    rest = verbs.audit(limit=2, cursor=page.next)
    assert ([entry.act for entry in rest.entries], rest.next) == (["pause"], None)
    assert len(verbs.audit(since="2026-02-01").entries) == 2
    assert verbs.audit(since="2026-02-02T09:00+00:00").entries == page.entries
    with pytest.raises(InputError, match="a day such as 2026-01-31"):
        verbs.audit(since="yesterday")


def test_the_command_line_acts_as_its_user(judged_copy, clock):
    Verbs(judged_copy.store, Config(state=judged_copy.config.state), clock).pause("toy")
    assert entries(judged_copy.store)[0].by == login_user()
