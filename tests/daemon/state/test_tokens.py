"""Tokens: shown once, kept as a digest, ended for good."""

from datetime import timedelta

import pytest
from retuned.daemon.state.tokens import Role, caller_of, create_token, list_tokens, note_use, revoke_token
from retuned.strategies.errors import ConflictError, InputError, UnknownName


def test_a_token_is_known_by_its_secret_which_is_nowhere_in_the_database(desk, clock):
    made = create_token(desk.store, "grafana", "viewer", clock.now())
    assert made.secret.startswith("rtn_")
    assert len(made.secret) > 40
    assert caller_of(desk.store, made.secret).role is Role.VIEWER
    assert all(made.secret not in str(row) for row in desk.store.rows("SELECT * FROM tokens"))
    assert caller_of(desk.store, made.secret[:-1]) is None


def test_a_revoked_token_opens_nothing_and_stays_on_the_list(desk, clock):
    made = create_token(desk.store, "ci", "admin", clock.now())
    revoke_token(desk.store, "ci", clock.now())
    assert caller_of(desk.store, made.secret) is None
    (listed,) = list_tokens(desk.store)
    assert listed.revoked_at == clock.now()
    clock.move(days=1)
    assert revoke_token(desk.store, "ci", clock.now()).revoked_at == listed.revoked_at


def test_its_use_is_noted_once_a_minute_at_most(desk, clock):
    made = create_token(desk.store, "ci", "operator", clock.now())
    caller = caller_of(desk.store, made.secret)
    first = clock.now()
    note_use(desk.store, caller, first)
    note_use(desk.store, caller, first + timedelta(seconds=59))
    assert list_tokens(desk.store)[0].last_used_at == first
    note_use(desk.store, caller, first + timedelta(seconds=61))
    assert list_tokens(desk.store)[0].last_used_at == first + timedelta(seconds=61)


@pytest.mark.parametrize(("name", "role"), [("", "viewer"), ("a b", "viewer"), ("-x", "viewer"), ("ok", "root")])
def test_a_bad_name_or_role_is_refused(desk, clock, name, role):
    with pytest.raises(InputError):
        create_token(desk.store, name, role, clock.now())


def test_a_name_is_given_once_and_an_unknown_one_is_told(desk, clock):
    create_token(desk.store, "ci", "viewer", clock.now())
    with pytest.raises(ConflictError):
        create_token(desk.store, "ci", "viewer", clock.now())
    with pytest.raises(UnknownName, match="tokens: ci"):
        revoke_token(desk.store, "cd", clock.now())
