"""Answers to alerts as verbs: who gave them, over the wire and back, and who may."""

import pytest
from retuned.daemon.api.redaction import redacted
from retuned.daemon.api.routes import BY_VERB
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.api.wire import dump_result, load_arguments, load_result
from retuned.daemon.state.tokens import Role
from retuned.strategies.errors import InputError, UnknownName


@pytest.fixture
def verbs(judged_copy, clock):
    return Verbs(judged_copy.store, judged_copy.config, clock, caller="grafana")


def test_an_answer_bears_the_name_of_its_token_and_goes_over_the_wire(verbs):
    (alert,) = verbs.ack(1, "seen")
    assert (alert.state, alert.by, alert.note) == ("acknowledged", "grafana", "seen")
    assert load_result("ack", dump_result("ack", (alert,))) == (alert,)
    (alert,) = verbs.snooze("toy", "14d", "later")
    assert (alert.state, alert.note) == ("snoozed", "later")
    (alert,) = verbs.unsnooze("1")
    assert (alert.state, alert.by) == ("open", "grafana")
    assert [row["event"] for row in verbs.store.rows("SELECT event FROM alert_events WHERE by = 'grafana'")] == [
        "acknowledged", "snoozed", "unsnoozed",
    ]  # fmt: skip


def test_an_answer_without_a_token_bears_the_users_name(judged_copy, clock):
    (alert,) = Verbs(judged_copy.store, judged_copy.config, clock).ack(1)
    assert alert.by


@pytest.mark.parametrize("verb", ["ack", "snooze", "unsnooze"])
def test_operators_may_answer_and_viewers_may_not(verb):
    assert BY_VERB[verb].role is Role.OPERATOR


def test_what_is_not_there_and_what_is_out_of_bounds_is_refused(verbs):
    with pytest.raises(UnknownName, match="there is no alert 99; list them with: retuned alerts"):
        verbs.ack(99)
    with pytest.raises(UnknownName, match="no model is registered as 'nobody'"):
        verbs.snooze("nobody", "1d", "x")
    with pytest.raises(InputError, match="the note has 501 characters; allowed: 500"):
        verbs.ack(1, "x" * 501)
    with pytest.raises(InputError):
        load_arguments("ack", {"alert": "one"})


def test_a_note_holds_nothing_that_acts_on_a_terminal_and_viewers_see_no_path_in_it(verbs):
    (alert,) = verbs.ack(1, "\x1b[31m see /srv/secret/notes.txt")
    assert alert.note == "\\x1b[31m see /srv/secret/notes.txt"
    (shown,) = redacted((alert,), verbs.store)
    assert "/srv/secret" not in shown.note
    assert "state folder /" not in shown.text


def test_events_of_alerts_are_only_added(verbs):
    with pytest.raises(Exception, match="events of alerts are only added"), verbs.store.transaction():
        verbs.store.change("UPDATE alert_events SET by = 'someone else'")
