"""Manners of the API: lists that have not changed, requests that are sent again, and errors as problems."""

import threading

import pytest
from retuned.daemon.api.answers import Refused
from retuned.daemon.api.idempotency import MOST_KEPT, Answered
from retuned.daemon.api.routes import BY_VERB, PREFIX
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.tokens import Role
from retuned.strategies.errors import ConflictError, InputError, StateError

RETUNE = BY_VERB["retune"]
KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
def served(judged_copy, serve):
    made = serve(judged_copy)
    yield made
    made.api.stop()


@pytest.mark.parametrize("path", ["/models", "/models/toy", "/alerts", "/models/toy/drift"])
def test_what_has_not_changed_is_not_sent_again(served, path):
    first = served.ask("GET", PREFIX + path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = served.ask("GET", PREFIX + path, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = served.ask("GET", PREFIX + path, headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_what_has_changed_is_sent_and_each_role_has_tags_of_its_own(served):
    tag = served.ask("GET", f"{PREFIX}/models/toy").headers["etag"]
    assert served.ask("POST", f"{PREFIX}/models/toy/pause", Role.OPERATOR).status_code == 200
    after = served.ask("GET", f"{PREFIX}/models/toy", headers={"if-none-match": tag})
    assert (after.status_code, after.json()["model"]["state"]) == (200, "paused")
    seen = served.ask("GET", f"{PREFIX}/models/toy", Role.ADMIN, {"if-none-match": after.headers["etag"]})
    assert seen.status_code == 200


def test_a_request_that_acts_and_is_sent_again_is_carried_out_once(served):
    path = f"{PREFIX}/models/toy/retune"
    first = served.ask("POST", path, Role.OPERATOR, KEY, json={"seed": 5})
    served.woken.clear()
    again = served.ask("POST", path, Role.OPERATOR, KEY, json={"seed": 5})
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (served.woken, len(open_campaigns(served.desk.store))) == ([], 1)
    other = served.ask("POST", path, Role.OPERATOR, KEY, json={"seed": 6})
    assert (other.status_code, "another request" in other.json()["found"]) == (422, True)


def test_callers_have_keys_of_their_own(served):
    path = f"{PREFIX}/models/toy/pause"
    assert served.ask("POST", path, Role.OPERATOR, KEY).status_code == 200
    assert "idempotency-replayed" not in served.ask("POST", path, Role.ADMIN, KEY).headers


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_that_is_none_is_refused(served, key):
    answer = served.ask("POST", f"{PREFIX}/models/toy/pause", Role.OPERATOR, {"idempotency-key": key})
    assert answer.status_code == 400


@pytest.mark.parametrize("verb", ["look", "channel_test", "token_create"])
def test_a_verb_whose_answer_is_not_kept_says_so(verb):
    with pytest.raises(InputError, match="takes no Idempotency-Key"):
        Answered().once(KEY, "me", BY_VERB[verb], {}, lambda: b"")


def test_a_failure_frees_the_key():
    answered = Answered()
    with pytest.raises(StateError):
        answered.once(KEY, "me", RETUNE, {}, _fail)
    assert answered.once(KEY, "me", RETUNE, {}, lambda: b"done") == (b"done", False)


def _fail():
    raise StateError("the disk is full")


def test_while_the_first_is_carried_out_a_second_has_to_wait():
    answered, begun, may_end = Answered(), threading.Event(), threading.Event()

    def act():
        begun.set()
        may_end.wait(30)
        return b"done"

    first = threading.Thread(target=answered.once, args=(KEY, "me", RETUNE, {}, act))
    first.start()
    begun.wait(30)
    with pytest.raises(ConflictError, match="still carried out"):
        answered.once(KEY, "me", RETUNE, {}, act)
    may_end.set()
    first.join()
    assert answered.once(KEY, "me", RETUNE, {}, act) == (b"done", True)


def test_only_the_newest_keys_are_kept():
    answered = Answered()
    for number in range(MOST_KEPT + 1):
        answered.once({"idempotency-key": str(number)}, "me", RETUNE, {}, lambda: b"1")
    assert answered.once({"idempotency-key": "0"}, "me", RETUNE, {}, lambda: b"2") == (b"2", False)
    with pytest.raises(Refused, match="another request"):
        answered.once({"idempotency-key": str(MOST_KEPT)}, "me", RETUNE, {"seed": 1}, lambda: b"2")


def test_an_error_is_a_problem_with_its_remedy(served):
    answer = served.ask("GET", f"{PREFIX}/models/none")
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (told["type"], told["title"], told["status"]) == ("UnknownName", "unknown name", 404)
    assert told["remedy"]
    assert told["found"] in told["detail"]
    refused = served.ask("GET", "/", headers={"host": "evil.example"})
    assert (refused.headers["content-type"], refused.json()["status"]) == ("application/problem+json", 421)
