"""The service's configuration: where it is looked for, its defaults, and the answer to a bad one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from retuned.daemon.config.config import AlertsTable, Config, ServiceTable, WorkersTable, load_config, resolve_secret
from retuned.strategies.errors import InputError

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


def load(folder: Path, text: str, environ=None) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load_config(path, environ or {}, system_folder=folder / "etc")


def test_without_a_file_everything_has_a_default(tmp_path):
    config = load_config(None, {"HOME": str(tmp_path)}, system_folder=tmp_path / "etc")
    assert config.state == tmp_path / ".local/state/retuned"
    assert (config.service.tick_s, config.service.log, config.service.max_campaigns) == (30.0, "console", 1)
    assert config.workers.slots >= 1
    assert (config.alerts.webhook, config.alerts.webhook_secret) == (None, None)


STATES = [
    ({"RETUNED_STATE": "/a", "XDG_STATE_HOME": "/b"}, "/a"),  # the nearest wish wins
    ({"XDG_STATE_HOME": "/b"}, "/b/retuned"),
    ({"XDG_STATE_HOME": "b"}, "/home/x/.local/state/retuned"),  # a relative XDG path is to be ignored
    ({"RETUNED_STATE": ""}, "/home/x/.local/state/retuned"),  # set but empty is not set
]


@pytest.mark.parametrize(("environ", "state"), STATES)
def test_the_state_folder_comes_from_the_environment_where_no_file_names_one(tmp_path, environ, state):
    config = load_config(None, {"HOME": "/home/x", **environ}, system_folder=tmp_path)
    assert config.state == Path(state)


def test_a_state_folder_in_the_file_counts_from_the_files_folder(tmp_path):
    assert load(tmp_path, 'state = "here"', {"RETUNED_STATE": "/a"}).state == tmp_path / "here"


def test_the_named_file_comes_before_the_systems_and_that_before_the_users(tmp_path):
    named, system, home = tmp_path / "named.toml", tmp_path / "etc", tmp_path / "home"
    variable = tmp_path / "variable.toml"
    (home / ".config/retuned").mkdir(parents=True)
    system.mkdir()
    (home / ".config/retuned/config.toml").write_text("[workers]\nslots = 1")
    environ = {"HOME": str(home)}
    assert load_config(None, environ, system).workers.slots == 1
    (system / "config.toml").write_text("[workers]\nslots = 2")
    assert load_config(None, environ, system).workers.slots == 2
    variable.write_text("[workers]\nslots = 3")
    named.write_text("[workers]\nslots = 4")
    assert load_config(None, {**environ, "RETUNED_CONFIG": str(variable)}, system).workers.slots == 3
    assert load_config(named, {**environ, "RETUNED_CONFIG": str(variable)}, system).workers.slots == 4


def test_a_named_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"gone\.toml: cannot be read: No such file"):
        load_config(None, {"RETUNED_CONFIG": str(tmp_path / "gone.toml")}, system_folder=tmp_path)


BAD = [
    ("stat = 1", "the file has no key 'stat'", "did you mean 'state'?"),
    ("state = 1", "state is 1", "a path"),
    ("[service]\ntick = 3", "[service] has no key 'tick'", "did you mean 'tick_s'?"),
    ("[service]\ntick_s = 0", "service.tick_s is 0", "greater than 0"),
    ('[service]\ntick_s = "30s"', "service.tick_s is '30s'", "a number"),
    ('[service]\nlog = "xml"', "service.log is 'xml'", "'console' or 'json'"),
    ("[service]\nmax_campaigns = 0", "service.max_campaigns is 0", "greater than or equal to 1"),
    ("[workers]\nslots = 1.5", "workers.slots is 1.5", "whole number"),
    ("workers = 3", "workers is 3", "a table"),
    ('[alerts]\nwebhook = "example.org"', "alerts.webhook is not", "https://"),
    ('[alerts]\nwebhook_secret = "s3cr3t"', "alerts.webhook_secret is not a reference", "credential:NAME"),
    ('[alerts]\nwebhook_secret = ["s3cr3t"]', "alerts.webhook_secret is not a reference", "credential:NAME"),
    ('[api]\npublic_url = "retuned.example.org"', "api.public_url is 'retuned.example.org'", "https://"),
    ('[api]\npublic_url = "https://a.example.org/?x"', "api.public_url is", "without a password, '?' and '#'"),
    ("[web]\nport = 1", "the file has no key 'web'", "its keys are"),
    ("[service\ntick_s = 1", "not valid TOML", "line 1"),
]


@pytest.mark.parametrize(("text", "key", "word"), BAD)
def test_a_bad_configuration_is_answered_with_one_line_that_names_the_key(tmp_path, text, key, word):
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'config.toml'}: ")
    assert key in message
    assert word in message
    assert "\n" not in message
    assert "s3cr3t" not in message


def test_a_secret_is_read_from_the_environment_a_file_or_a_credential(tmp_path):
    (tmp_path / "hook").write_text("from a file\n")
    assert resolve_secret("env:HOOK", {"HOOK": "from the environment"}) == "from the environment"
    assert resolve_secret(f"file:{tmp_path}/hook", {}) == "from a file"
    assert resolve_secret("credential:hook", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "from a file"


BAD_SECRETS = [
    ("env:HOOK", {}, "variable HOOK is not set"),
    ("file:/no/such/file", {}, "cannot be read: No such file"),
    ("credential:hook", {}, "needs .CREDENTIALS_DIRECTORY"),
    ("credential:../hook", {"CREDENTIALS_DIRECTORY": "/run"}, "not a reference"),
    ("canary-4711", {}, "not a reference"),
]


@pytest.mark.parametrize(("reference", "environ", "message"), BAD_SECRETS)
def test_a_secret_that_cannot_be_had_is_told_without_showing_it(reference, environ, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve_secret(reference, environ)
    assert "canary-4711" not in str(caught.value)


def test_an_empty_secret_file_is_refused(tmp_path):
    (tmp_path / "hook").write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        resolve_secret(f"file:{tmp_path}/hook", {})


def test_the_example_is_valid_as_it_stands_and_says_the_defaults(tmp_path):
    environ = {"HOME": str(tmp_path)}
    assert load_config(EXAMPLE, environ) == load_config(None, environ, system_folder=tmp_path)


def test_the_example_with_every_key_switched_on_is_valid_and_has_every_key(tmp_path):
    text = re.sub(r"^# ?(?=[a-z_]+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    config = load(tmp_path, text)
    assert config.model_fields_set == set(Config.model_fields)
    assert config.service.model_fields_set == set(ServiceTable.model_fields)
    assert config.workers.model_fields_set == set(WorkersTable.model_fields)
    assert config.alerts.model_fields_set == set(AlertsTable.model_fields)
    assert config.state == Path("/var/lib/retuned")


def test_a_configuration_of_another_user_is_told_in_one_line_unless_a_service_is_named(tmp_path):
    closed = tmp_path / "etc"
    closed.mkdir()
    (closed / "config.toml").write_text("")
    code = f"""if True:
        import os, sys
        from pathlib import Path
        from retuned.daemon.config.config import load_config
        from retuned.strategies.errors import InputError
        home = {{"HOME": "/nonexistent"}}
        load_config(None, home, Path("/nowhere"))  # what is loaded late may be closed to the other user
        if os.geteuid() == 0:
            os.seteuid(65534)
        try:
            load_config(None, home, Path({str(closed)!r}))
        except InputError as error:
            print(error)
        print(load_config(None, home | {{"RETUNED_URL": "http://127.0.0.1:1"}}, Path({str(closed)!r})).state)
    """
    closed.chmod(0o000)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    closed.chmod(0o700)
    assert told.stderr == ""
    first, second = told.stdout.splitlines()
    assert "this user may not read it" in first
    assert second == "/nonexistent/.local/state/retuned"


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbfstate = "here"\n')
    assert load_config(path, {}).state == tmp_path / "here"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_file_in_utf_16_is_named_as_such(tmp_path, encoding):
    path = tmp_path / "config.toml"
    path.write_bytes('\ufeffstate = "here"\n'.encode(encoding))
    with pytest.raises(InputError, match="is UTF-16 text; UTF-8; save the file as UTF-8"):
        load_config(path, {})


def test_channels_become_rules_in_the_order_of_the_file_with_the_default_list(tmp_path):
    text = "".join(f'[channels.{name}]\nkind = "slack"\nurl = "env:URL"\nkinds = ["stale"]\n' for name in ("b", "a"))
    routes = load(tmp_path, text + '[alerts]\nchannels = ["a"]\n').routes
    assert ([rule.name for rule in routes.channels], routes.default) == (["b", "a"], ("a",))


WRONG_CHANNELS = [
    ('[channels.x]\nkind = "slak"\n', "channels.x.kind is 'slak'; allowed: webhook, slack,"),
    (
        '[channels.x]\nkind = "slack"\nurl = "https://hooks.example.org/canary-4711"\n',
        "channels.x.url is not a reference",
    ),
    (
        '[channels.x]\nkind = "slack"\nurl = "env:A"\nquite = []\n',
        "[channels.x] has no key 'quite'; did you mean 'quiet'?",
    ),
    ('[channels.x]\nkind = "webhook"\nurl = "http://example.org/"\n', "channels.x.url is an http:// address"),
    ('[channels.x]\nkind = "slack"\nurl = "env:A"\nquiet = ["00:00-24:00"]\n', "channels.x.quiet leaves no hour"),
    ('[alerts]\nchannels = ["x"]\n', "alerts.channels names 'x'; its channels: none is configured"),
    ('[alerts]\nallow = ["10.0.0.0/99"]\n', "alerts.allow[0] is '10.0.0.0/99'; allowed: networks"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_CHANNELS)
def test_a_wrong_channel_is_told_by_its_key_without_an_address(tmp_path, text, told):
    with pytest.raises(InputError) as error:
        load(tmp_path, text)
    assert told in str(error.value)
    assert "canary" not in str(error.value)
