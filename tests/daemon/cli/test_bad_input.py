"""Bad input of every kind: one line that says what was found and what to do, exit code 2, and nothing written."""

import json
import sqlite3
import sys

import pytest
from retuned.daemon.cli.cli import main
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.campaigns.campaigns import campaigns_of

GOOD = """\
name = "rides"
owner = "team"
[training]
command = ["sh", "-c", "true", "{lr}"]
budget = {steps = 100}
[data]
path = "rides.csv"
[objective]
metric = "loss"
direction = "minimize"
[hyperparameters.lr]
type = "float"
low = 0.001
high = 1.0
log = true
value = 0.1
"""
COMMAND = '["sh", "-c", "true", "{lr}"]'


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command line inside this process: its exit code, output and errors."""

    def run(*words):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["retuned", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return run


def assert_is_one_clear_line(answer, *parts):
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("retuned: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "; " in err  # what was found; what is allowed or what to do
    assert [part for part in parts if part not in err] == []


# what is replaced in a good model file, by what, what the line says
MODEL_FILES = [
    ('owner = "team"', 'onwer = "team"', "the file has no key 'onwer'", "did you mean 'owner'?"),  # misspelt
    ('owner = "team"\n', "", "owner is missing", "add it"),  # missing
    ('"rides"', '"my rides"', "name is 'my rides'", "for instance 'bike-share'"),  # a name that is no file name
    ('"rides"\n', '"rides\n', "not valid TOML", "line 1"),  # an open quote
    ("{steps = 100}", "{steps = -1}", "training.budget.steps is -1", "greater than"),  # below zero
    ("{steps = 100}", "{steps = 1, epochs = 1}", "has steps and epochs", "exactly one"),  # two units
    ("budget = {steps = 100}", 'budget = {steps = 100}\ntimeout = "soon"', "training.timeout is 'soon'", "90s"),
    (COMMAND, '"sh train.sh"', "training.command is the text", '["sh", "train.sh"]'),  # a shell line
    (COMMAND, '["no-such-program", "{lr}"]', "no program no-such-program on the PATH", "chmod +x"),  # not installed
    (COMMAND, '["sh", "{rate}"]', "unknown placeholder '{rate}'", "lr"),  # nothing of that name
    (f"command = {COMMAND}", 'recipe = "gone.py:Recipe"', "gone.py cannot be read", "correct the path"),
    (f"command = {COMMAND}", 'recipe = "recipe.py:Recipee"', "has no class Recipee", "did you mean 'Recipe'?"),
    ('path = "rides.csv"', 'path = "gone.csv"', "nothing at", "correct the path"),  # no data
    ('path = "rides.csv"', 'glob = "gone-*.csv"', "no file matches", "correct the pattern"),  # no data by pattern
    ('"minimize"', '"down"', "objective.direction is 'down'", "'minimize' or 'maximize'"),
    ('metric = "loss"', 'metric = "loss"\nmargin = -1', "objective.margin is -1", "greater than 0"),
    ("low = 0.001", "low = 5", "'lr'", "low"),  # low above high
    ("low = 0.001", "low = 0.0", "'lr'", "log"),  # log of zero
    ("value = 0.1", 'value = "fast"', "'lr'", "fast"),  # a value of another type
    ("value = 0.1\n", "", "hyperparameters.lr.value is missing", "the current value is required"),
    ('type = "float"', 'type = "real"', "hyperparameters.lr.type is 'real'", "'float'"),
    ("[objective]", '[alerts]\nwebhook = "example.org"\n[objective]', "not the address of a webhook", "https://"),
    ("[objective]", '[alerts]\nwebhook_secret = "canary-4711"\n[objective]', "not a reference", "file:/path"),
    ("[objective]", '[schedule]\nevery = "sometimes"\n[objective]', "schedule.every is 'sometimes'", "3 months"),
    ("[objective]", '[search]\nstrategy = "grid"\n[objective]', "search.strategy is 'grid'", "caviar"),
    ("[objective]", "[search]\nseed = true\n[objective]", "search.seed is true", "a whole number"),
    ("{steps = 100}", "{steps = true}", "training.budget.steps is true", "a whole number"),
    ("value = 0.1", "value = true", "'lr' has the value True", "a number"),
    ("[objective]", "[search]\nmax_pairs = 5\n[objective]", "search.max_pairs is 5", "multiple of 2"),
    ("[objective]", '[settings]\nfile = "live.ini"\n[objective]', "settings.file is", ".json"),
    ("[objective]", '[settings]\nfile = "gone/live.json"\n[objective]', "there is no folder", "create the folder"),
    ("[objective]", "[objectives]", "the file has no key 'objectives'", "did you mean 'objective'?"),
]


@pytest.mark.parametrize(("old", "new", "found", "remedy"), MODEL_FILES)
def test_a_bad_model_file_is_refused_and_makes_no_state(call, tmp_path, old, new, found, remedy):
    assert old in GOOD
    (tmp_path / "rides.csv").write_text("1\n")
    (tmp_path / "recipe.py").write_text("class Recipe:\n    pass\n")
    (tmp_path / "model.toml").write_text(GOOD.replace(old, new, 1))
    answer = call("--state", tmp_path / "state", "register", "model.toml")
    assert_is_one_clear_line(answer, found, remedy)
    assert "canary-4711" not in answer[2]
    assert not (tmp_path / "state").exists()


NO_FILES = [
    ("gone.toml", b"", "gone.toml: cannot be read: No such file or directory", "check the path"),
    (".", b"", "cannot be read: Is a directory", "check the path"),
    ("empty.toml", b"", "is missing", "model.example.toml"),
    ("binary.toml", b"\x80\x00\x00", "line 1 is not UTF-8 text", "save the file as UTF-8"),
    ("utf16.toml", b"\xff\xfe\x00\x00", "is UTF-16 text", "save the file as UTF-8"),
    ("big.toml", b"#" * (1 << 20) + b"\n", "larger than 1 MiB", "right file"),
    ("deep.toml", b"a = " + b"[" * 5000, "not valid TOML", "correct that line"),
    ("name.toml", b'name = "a\\u0000b"', "name", "letters, digits"),
]


@pytest.mark.parametrize(("name", "content", "found", "remedy"), NO_FILES)
def test_what_is_no_model_file_is_refused_and_makes_no_state(call, tmp_path, name, content, found, remedy):
    (tmp_path / "given").mkdir()
    [(tmp_path / "given" / name).write_bytes(content) for _ in [0] if content or name == "empty.toml"]
    answer = call("--state", tmp_path / "state", "register", tmp_path / "given" / name)
    assert_is_one_clear_line(answer, found, remedy)
    assert not (tmp_path / "state").exists()


CONFIGS = [
    ("[service]\ntick = 3", "[service] has no key 'tick'", "did you mean 'tick_s'?"),
    ("[service]\ntick_s = true", "service.tick_s is true", "a number"),
    ("[backup]\nkeep = true", "backup.keep is true", "a whole number"),
    ('[service]\nlook_pause = "30s"', "service.look_pause is 30 s", "a minute or more"),
    ("[service]\ntick_s = 0", "service.tick_s is 0", "greater than 0"),
    ("[workers]\nslots = 0", "workers.slots is 0", "greater than"),
    ("state = 3", "state is 3", "a path"),
    ("[service", "not valid TOML", "correct that line"),
    ("[backup]\nevery = 5", "backup.every is 5, a number without a unit", "5s, 5m or 5h"),
    ('[backup]\nevery = "5"', "backup.every is '5', a number without a unit", "'90s'"),
    ("[retention]\nlegs = 90", "retention.legs is 90, a number without a unit", "90h"),
    ("[retention]\nsnapshots = 1.5", "retention.snapshots is 1.5, a number without a unit", "1.5h"),
    ('[retention]\ncurves = "730"', "retention.curves is '730', a number without a unit", "730h"),
    ("[schedule]\njitter = 20", "schedule.jitter is 20, a number without a unit", "20m"),
    ('[alerts]\nwebhook_secret = "canary-4711"', "not a reference to a secret", "env:NAME"),
]


@pytest.mark.parametrize(("text", "found", "remedy"), CONFIGS)
def test_a_bad_configuration_is_refused_and_makes_no_state(call, tmp_path, text, found, remedy):
    (tmp_path / "config.toml").write_text(text)
    answer = call("--state", tmp_path / "state", "--config", "config.toml", "models")
    assert_is_one_clear_line(answer, found, remedy)
    assert "canary-4711" not in answer[2]
    assert not (tmp_path / "state").exists()


NAMED = [
    "show",
    "history",
    "plan",
    "retune",
    "baseline",
    "adopt",
    "rollback",
    "drift",
    "pause",
    "resume",
    "retire",
    "remove",
    "cancel",
    "look",
]
COMMANDS = [
    *((name, "nope", "no model is registered as 'nope'; registered: toy; see: retuned models") for name in NAMED),
    ("alerts", "nope", "registered: toy"),
    ("retune toy --budget", "soon", "'soon' is not a duration", "90s"),
    ("retune toy --budget", "5", "--budget '5' has no unit; allowed: numbers with their unit", "write 5s, 5m or 5h"),
    ("retune toy --budget", "0.5", "--budget '0.5' has no unit", "0.5h"),
    ("retune toy --budget", "0", "--budget 0s is out of range", "for instance 2h"),
    ("retune toy --budget", "-5m", "'-5m' is not a duration", "90s"),
    ("retune toy --strategy", "grid", "--strategy grid is not available", "auto, caviar"),
    ("retune toy --seed", "-1", "--seed -1 is out of range", "0 to 2147483647"),
    ("retune toy --seed", "2147483648", "is out of range", "0 to 2147483647"),
    ("retune toy --seed", "true", "'--seed'", "integer"),
    ("retune toy --seed", "x", "'--seed'", "integer"),
    ("retune toy --sede", "1", "No such option", "--seed"),
    ("adopt toy --campaign", "1", "campaign 1 is not one of toy", "retuned history toy"),
    ("adopt toy --campaign", "2", "no campaign has confirmed better settings", "retuned retune toy"),
    ("adopt toy --campaign", "99", "there is no campaign 99", "retuned history"),
    ("adopt toy", "--from-file", "has no settings file to read", "name one there"),
    ("rollback toy --to", "7", "cannot be rolled back to settings v7", "retuned history toy"),
    ("rollback", "toy", "versions to roll back to: none", "retuned history toy"),
    ("drift toy --plot", "drift.gif", "--plot drift.gif is of no known kind", ".png, .svg, .html"),
    ("drift toy --plot", "gone/drift.png", "there is no folder gone", "name another file"),
    ("drift toy --plot", "folder.html", "folder.html cannot be written: Is a directory", "name another file"),
    ("--config gone.toml", "models", "gone.toml: cannot be read", "check the path"),
    ("retunee", "toy", "No such command 'retunee'", "retune"),
    ("show", "", "Missing argument 'NAME'", "retuned show --help"),
    ("models", "toy", "unexpected extra argument", "retuned models --help"),
]


@pytest.mark.parametrize(("words", "last", "parts"), [(words, last, parts) for words, last, *parts in COMMANDS])
def test_a_bad_command_is_refused_and_changes_nothing(call, judged, tmp_path, words, last, parts):
    (tmp_path / "folder.html").mkdir()
    (judged.folder / "live.json").unlink(missing_ok=True)  # copies of this desk write their settings there
    before = dump(judged)
    answer = call("--state", judged.config.state, *words.split(), *filter(None, [last]))
    assert_is_one_clear_line(answer, *parts)
    assert dump(judged) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.html"]


def dump(desk):
    with sqlite3.connect(f"file:{desk.store.state}/retuned.sqlite3?mode=ro", uri=True) as database:
        return "\n".join(database.iterdump())


# what a training prints in place of its report, what the record says of it
REPORTS = [
    ('{"step": 1, "metrics": 3}', "a report cannot be read: ", "metrics is an object of numbers"),
    ('{"step": -1, "metrics": {"score": 1}}', "step -1", "a finite number, 0 or more"),
    ('{"step": 1, "metrics": {"score": "high"}}', "the metric score 'high'", "a metric is a number"),
    ('{"step": 1, "metrics": {"sore": 1}}', "never reported score", "it reported sore"),
    ("score 0.7", "never reported score", "nothing was reported"),
]


@pytest.mark.parametrize(("printed", "found", "allowed"), REPORTS)
def test_a_training_with_bad_reports_fails_its_campaign_in_one_line_with_the_reason(desk, printed, found, allowed):
    escaped = printed.replace("{", "{{").replace("}", "}}")
    command = json.dumps(["sh", "-c", f"echo '{escaped}'", "{lr}"])
    desk.register(training=f'command = {command}\nbudget = {{steps = 1}}\ntimeout = "30s"\nslots = 2')
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert "\n" not in campaign.failure
    assert found in campaign.failure
    assert allowed in campaign.failure
    assert [one.verdict for one in campaigns_of(desk.store, 1)] == [None]
    (alert,) = list_alerts(desk.store)  # nobody started it by hand
    assert alert.title == "toy: its baseline failed"
    assert found in alert.text
