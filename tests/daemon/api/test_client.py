"""The verbs of a service: over HTTP the same as in the own process, results, errors and command line alike."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from retuned.daemon.api.client import Gone, remote
from retuned.daemon.api.find_service import find_service
from retuned.daemon.api.server import Api
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.cli.foreground import follow
from retuned.daemon.cli.live_progress import no_progress
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import ApiTable, Config
from retuned.daemon.state.models.registry import find_model
from retuned.daemon.state.running_service import Place, read_place, single_instance
from retuned.strategies.errors import ConflictError, InputError, RetunedError, StateError, UnknownName

READING = [
    ("models", ()), ("show", ("toy",)), ("history", ("toy",)), ("alerts", ()), ("alerts", ("toy",)),
    ("drift", ("toy",)),
    ("plan", ("toy",)), ("schedule", (12,)), ("schedule", (3, "toy")), ("standing", (2,)), ("open_of", ("3",)),
    ("open_of", ("toy",)), ("ended", (1,)), ("ended", (3,)), ("report", ("3",)), ("report", ("toy",)),
    ("token_list", ()), ("channels", ()),
]  # fmt: skip
FAILING = [
    ("show", ("none",)), ("schedule", (0,)), ("standing", (99,)), ("report", ("none",)),
    ("retune", ("toy", "bamboo")), ("retune", ("toy", None, -1.0)), ("retune", ("toy", None, None, -5)),
    ("nudge", (3, {"lr": 0.1})), ("back", (99, 1)), ("hold", (99,)),
    ("rollback", ("toy", 77)), ("adopt", ("toy", 2)), ("confirm", ("toy",)), ("token_create", ("a b", "viewer")),
    ("token_revoke", ("none",)), ("cancel", ("none",)), ("remove", ("none",)),
    ("register", ("name = 1", Path("/x/model.toml"))), ("channel_test", ("none",)),
]  # fmt: skip
COMMANDS = [
    ("models",), ("models", "--json"), ("show", "toy"), ("show", "toy", "--json"), ("history", "toy"),
    ("alerts", "--json"), ("drift", "toy"), ("plan", "toy"), ("schedule",), ("schedule", "toy", "--json"),
    ("show", "none"), ("schedule", "--months", "0"), ("watch", "3"),
]  # fmt: skip


@pytest.fixture(scope="module")
def twin(judged, new_desk, tmp_path_factory):
    """A copy of the judged desk for this module."""
    folder = tmp_path_factory.mktemp("twin") / "desk"
    shutil.copytree(judged.folder, folder)
    return new_desk(folder)


@pytest.fixture
def both(twin):
    """The verbs in this process and over HTTP, of one state folder that is only read."""
    config = Config(state=twin.config.state, api=ApiTable(listen="127.0.0.1:0"))
    with single_instance(config.state):
        api = Api(config.state, config, SystemClock(), lambda: None)
        api.start()
        yield Verbs(twin.store, config, SystemClock()), remote(read_place(config.state)), config
        api.stop()


@pytest.mark.parametrize(("verb", "words"), READING, ids=str)
def test_a_verb_gives_the_same_over_http(both, verb, words):
    here, there, _ = both
    assert getattr(there, verb)(*words) == getattr(here, verb)(*words)


@pytest.mark.parametrize(("verb", "words"), FAILING, ids=str)
def test_an_error_is_the_same_over_http(both, verb, words):
    here, there, _ = both
    told = []
    for verbs in (here, there):
        with pytest.raises(RetunedError) as raised:
            getattr(verbs, verb)(*words)
        told.append((type(raised.value), raised.value.exit_code, raised.value.found, raised.value.allowed))
    assert told[0] == told[1]


def command(state, *words):
    call = [sys.executable, "-m", "retuned.daemon", "--state", str(state), *words]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_prints_the_same_with_a_service_and_without(words, command_twins):
    assert command_twins(words, is_served=True) == command_twins(words, is_served=False)


@pytest.fixture(scope="module")
def command_twins(twin):
    """A command's exit code and output, with a service on the state folder or without."""
    config = Config(state=twin.config.state, api=ApiTable(listen="127.0.0.1:0"))

    def call(words, is_served):
        if not is_served:
            return command(config.state, *words)
        with single_instance(config.state):
            api = Api(config.state, config, SystemClock(), lambda: None)
            api.start()
            try:
                return command(config.state, *words)
            finally:
                api.stop()

    return call


@pytest.mark.parametrize("name", ["..", "a/b", "", "caf\udce9", "\ud800"])
def test_a_name_that_cannot_stand_in_an_address_is_unknown_there_too(both, name):
    for verbs in both[:2]:
        with pytest.raises(UnknownName):
            verbs.history(name)


@pytest.mark.parametrize("name", ["caf\udce9", "\ud800"])
def test_a_name_that_is_no_utf_8_is_unknown_as_an_option_too(both, name):
    for verbs in both[:2]:
        with pytest.raises(UnknownName):
            verbs.alerts(name)


def test_a_service_that_is_gone_is_told_in_one_line(tmp_path):
    with pytest.raises(Gone, match="does not answer; a running service"):
        remote(Place("http://127.0.0.1:9", "rtn_x")).models()
    with pytest.raises(Gone, match="does not answer"):
        remote(Place(f"unix:{tmp_path}/none", "rtn_x")).models()


def test_what_is_no_retuned_service_is_told(tmp_path):
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(StateError, match="is it a retuned service"):
        remote(Place(f"http://127.0.0.1:{server.server_port}", "rtn_x")).models()
    server.shutdown()
    server.server_close()


def test_a_named_service_wants_a_token(desk, tmp_path):
    environ = {"RETUNED_URL": "http://127.0.0.1:8719", "HOME": str(tmp_path)}
    with pytest.raises(InputError, match="the service requires a token"):
        find_service(desk.config, environ)
    assert find_service(desk.config, environ | {"RETUNED_TOKEN": " rtn_a\n"}) == Place("http://127.0.0.1:8719", "rtn_a")
    (tmp_path / ".config" / "retuned").mkdir(parents=True)
    (tmp_path / ".config" / "retuned" / "token").write_text("rtn_b\n")
    assert find_service(desk.config, environ).token == "rtn_b"
    with pytest.raises(InputError, match="RETUNED_URL is"):
        find_service(desk.config, environ | {"RETUNED_URL": "127.0.0.1:8719", "RETUNED_TOKEN": "rtn_a"})


def test_without_a_service_the_caller_does_it_himself(desk):
    assert find_service(desk.config, {}) is None


def test_what_is_wrong_with_one_verb_changes_nothing(judged_copy):
    config = Config(state=judged_copy.config.state, api=ApiTable(listen="127.0.0.1:0"))
    api = Api(config.state, config, SystemClock(), lambda: None)
    api.start()
    there = remote(read_place(config.state))
    with pytest.raises(UnknownName):
        there.pause("none")
    there.retire("toy")
    with pytest.raises(ConflictError):
        there.retune("toy")
    there.resume("toy")
    assert find_model(judged_copy.store, "toy").state == "active"
    assert there.adopt("toy").settings_version == 2
    assert json.loads((judged_copy.config.state / "api.json").read_text())["token"] not in repr(there)
    api.stop()


class Dying:
    """Verbs of a service that answers once."""

    def __init__(self, verbs):
        self._verbs, self.calls = verbs, 0

    def standing(self, campaign):
        self.calls += 1
        if self.calls > 1:
            raise Gone("the service does not answer")
        return self._verbs.standing(campaign)


@pytest.fixture
def open_campaign(judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE campaigns SET phase = 'search', ended_at = NULL WHERE id = 3")
    return Verbs(judged_copy.store, judged_copy.config, SystemClock())


def test_who_watches_waits_for_a_service_that_is_restarted_and_no_longer_than_that(open_campaign, clock):
    began = clock.now()
    with pytest.raises(Gone):
        follow(Dying(open_campaign), 3, clock, no_progress)
    assert 30 <= (clock.now() - began).total_seconds() < 32


def test_who_watches_goes_on_with_the_service_that_took_its_place(open_campaign, clock):
    def again():
        with open_campaign.store.transaction():
            open_campaign.store.change("UPDATE campaigns SET phase = 'done', ended_at = created_at WHERE id = 3")
        return open_campaign

    assert follow(Dying(open_campaign), 3, clock, no_progress, again).phase == "done"
