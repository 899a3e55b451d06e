"""Model files: what a good one becomes, and the one line that each bad one is answered with."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.campaign.prepare import training_order
from retuned.daemon.config.model_file import ModelFile, load_model_file
from retuned.daemon.config.model_paths import check_paths
from retuned.strategies.errors import InputError, StateError
from retuned.strategies.records import BudgetUnit

EXAMPLE = Path(__file__).parents[3] / "examples" / "model.example.toml"

GOOD = """\
name = "rides"
owner = "team"
[training]
command = ["python3", "train.py", "--lr={lr}"]
budget = {steps = 100}
resumable = true
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
[hyperparameters.optimizer]
type = "categorical"
choices = ["sgd", "adamw"]
value = "sgd"
[hyperparameters.momentum]
type = "float"
low = 0.0
high = 0.99
when = {optimizer = ["sgd"]}
value = 0.9
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "model.toml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, *changes: tuple[str, str]) -> ModelFile:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return load_model_file(written(folder, text))


def without_comments(path: Path) -> str:
    """An example file with its optional keys switched on and its explanations left out."""
    return re.sub(r"^# ?(?=[a-z_]+ = )", "", path.read_text(), flags=re.MULTILINE)


# old text, new text, the key that the message names, a word of what it says
COMMAND = '["python3", "train.py", "--lr={lr}"]'
BAD = [
    # keys that do not exist, at every depth, with the nearest name
    ('owner = "team"', 'owner = "team"\nonwer = "x"', "the file has no key 'onwer'", "did you mean 'owner'?"),
    ("resumable = true", 'pyhton = "x"', "[training] has no key 'pyhton'", "did you mean 'python'?"),
    ("log = true", "logg = true", "[hyperparameters.lr] has no key 'logg'", "did you mean 'log'?"),
    ("{steps = 100}", "{stpes = 100}", "[training.budget] has no key 'stpes'", "did you mean 'steps'?"),
    ('metric = "loss"', 'metrik = "loss"', "[objective] has no key 'metrik'", "did you mean 'metric'?"),
    ("[data]", "[data]\nzzz = 1", "[data] has no key 'zzz'", "its keys are path, glob"),
    # the alias counts, not the name in the code
    ("resumable = true", "timeout_s = 3", "[training] has no key 'timeout_s'", "did you mean 'timeout'?"),
    # missing keys and tables
    ('owner = "team"', "", "owner is missing", "add it"),
    ('direction = "minimize"', "", "objective.direction is missing", "add it"),
    ("value = 0.1", "", "hyperparameters.lr.value is missing", "the current value is required"),
    ("budget = {steps = 100}", "", "training.budget is missing", "add it"),
    # names
    ('"rides"', '"-rides"', "name is '-rides'", "letters, digits"),
    ('"rides"', '"../../etc"', "name is '../../etc'", "letters, digits"),
    ('"rides"', '"r' + "x" * 64 + '"', "name is 'rxxx", "up to 64"),
    ('"team"', '""', "owner is ''", "not empty"),
    ('"team"', '"a\\nb"', "owner is", "one line"),
    ("[hyperparameters.lr]", '[hyperparameters."l r"]', "hyperparameters.l r is not a name", "rename it"),
    ("[hyperparameters.lr]", "[hyperparameters.seed]", "hyperparameters.seed has a name", "reserved"),
    # commands
    (COMMAND, '"python3 train.py"', "training.command is the text", '["python3", "train.py"]'),
    (COMMAND, "[]", "training.command is []", "a list of texts"),
    (COMMAND, '["python3", 3]', "training.command is", "a list of texts"),
    ("--lr={lr}", "--lr={lrr}", "training.command has the unknown placeholder '{lrr}'", "did you mean '{lr}'?"),
    ("--lr={lr}", "--lr={lr", "training.command has a bad placeholder", "{{"),
    ("--lr={lr}", "{momentum}", "training.command has the placeholder '{momentum}'", "RETUNED_HYPERPARAMETERS"),
    ("resumable = true", 'recipe = "a.py:A"', "training has both command and recipe", "exactly one"),
    (f"command = {COMMAND}", "", "training has neither command nor recipe", "exactly one"),
    (f"command = {COMMAND}", 'recipe = "a.py"', "training.recipe is 'a.py'", "recipe.py:Recipe"),
    # budgets, times, sizes
    ("{steps = 100}", "{steps = 100, epochs = 2}", "training.budget has steps and epochs", "exactly one"),
    ("{steps = 100}", "{}", "training.budget has no unit", "exactly one"),
    ("{steps = 100}", "{steps = 0}", "training.budget.steps is 0", "greater than or equal to 1"),
    ("{steps = 100}", "{steps = 1.5}", "training.budget.steps is 1.5", "whole number"),
    ("{steps = 100}", "{seconds = inf}", "training.budget.seconds is inf", "finite"),
    ("{steps = 100}", "100", "training.budget is 100", "a table"),
    ("resumable = true", 'timeout = "soon"', "training.timeout is 'soon'", "a time above zero with its unit"),
    ("resumable = true", "timeout = 90", "training.timeout is 90, a number without a unit", "write 90s, 90m or 90h"),
    ("resumable = true", 'timeout = "1.5"', "training.timeout is '1.5', a number without a unit", "1.5h"),
    ("[data]", "[search]\nbudget = 5\n[data]", "search.budget is 5, a number without a unit", "5h"),
    ("[data]", '[search]\nday = "24"\n[data]', "search.day is '24'", "a time with its unit such as '24h'"),
    ("[data]", "[triggers]\nlook_every = 600\n[data]", "triggers.look_every is 600, a number without a unit", "600s"),
    ("[data]", '[triggers]\nlook_every = "59s"\n[data]', "triggers.look_every is 59 s", "a minute or more"),
    ("[data]", '[triggers]\ncool_down = "never"\n[data]', "triggers.cool_down is 'never'", "'6 h', '3 days'"),
    ("[data]", '[triggers]\ncool_down = "0 h"\n[data]', "triggers.cool_down is '0 h'", "hours, days, weeks, months"),
    ("[data]", '[triggers]\ncool_down = "6"\n[data]', "triggers.cool_down is '6'", "above 0 and at most 100 years"),
    ("[data]", '[triggers]\ncool_down = "101 years"\n[data]', "triggers.cool_down is '101 years'", "'1 month'"),
    ("[data]", '[triggers]\ncool_down = "soon"\n[data]', "triggers.cool_down is 'soon'", "'6 h', '3 days'"),
    ("[data]", '[schedule]\nshortest = "never"\n[data]', "schedule.shortest is 'never'", "100 years at most"),
    ("[data]", '[schedule]\nlongest = "101 years"\n[data]', "schedule.longest is '101 years'", "'1 month'"),
    ("[data]", "[schedule]\njitter = 5\n[data]", "schedule.jitter is 5, a number without a unit", "5h"),
    ("[data]\n", "[data]\nprepare_timeout = 60\n", "data.prepare_timeout is 60, a number without a unit", "60m"),
    ("resumable = true", "timeout = 0", "training.timeout is 0", "above zero"),
    ("resumable = true", "timeout = true", "training.timeout is true", "10m"),
    ("resumable = true", 'resumable = "yes"', "training.resumable is 'yes'", "true or false"),
    ("resumable = true", "slots = 0", "training.slots is 0", "greater than"),
    ("resumable = true", "slots = true", "training.slots is true", "whole number"),
    ("resumable = true", 'resources = {labels = {zone = "!a"}}', "training.resources.labels.zone is '!a'", "on-demand"),
    ("resumable = true", 'resources = {memory = "2 apples"}', "training.resources.memory is '2 apples'", "2GiB"),
    ("resumable = true", 'pass_env = ["A=B"]', "training.pass_env[0] is 'A=B'", "environment variable"),
    ("resumable = true", 'pass_env = ["RETUNED_SEED"]', "training.pass_env[0] is", "RETUNED_"),
    # data and objective
    ('path = "rides.csv"', 'path = "a"\nglob = "b*"', "data has both path and glob", "exactly one"),
    ('path = "rides.csv"', "", "data has neither path nor glob", "exactly one"),
    ('path = "rides.csv"', 'path = "a"\nsnapshot = "keep"', "data.snapshot is 'keep'", "'copy', 'reference' or 'none'"),
    ('"minimize"', '"down"', "objective.direction is 'down'", "'minimize' or 'maximize'"),
    ('metric = "loss"', 'metric = "loss"\nmargin = "0%"', "objective.margin is '0%'", "or a share"),
    ('metric = "loss"', 'metric = "loss"\nmargin = "2"', "objective.margin is '2'", "or a share"),
    ('metric = "loss"', 'metric = "loss"\nmargin = "-2%"', "objective.margin is '-2%'", "or a share"),
    ('metric = "loss"', 'metric = "loss"\nmargin = "200%"', "objective.margin is '200%'", "or a share"),
    ('metric = "loss"', 'metric = "loss"\nmargin = inf', "objective.margin is inf", "greater than 0"),
    ('metric = "loss"', 'metric = "loss"\nmargin = true', "objective.margin is true", "greater than 0"),
    ('metric = "loss"', 'metric = "loss"\nleast_drop = "x%"', "objective.least_drop is 'x%'", "or a share"),
    ('metric = "loss"', 'metric = "loss"\nmargin = 0', "objective.margin is 0", "greater than 0"),
    ('metric = "loss"', 'metric = "loss"\nfloor = nan', "objective.floor is nan", "finite"),
    ('metric = "loss"', 'metric = "loss"\nfloor = "low"', "objective.floor is 'low'", "number"),
    # hyperparameters
    ("low = 0.001", "low = 2", "hyperparameters cannot be used: hyperparameter 'lr'", "low"),
    ("low = 0.001", "low = 0", "hyperparameters cannot be used: hyperparameter 'lr'", "log"),
    ("low = 0.001", "low = true", "hyperparameters.lr.low is true", "number"),
    ('type = "float"', 'type = "real"', "hyperparameters.lr.type is 'real'", "'float'"),
    ("value = 0.1", 'value = "0.1"', "hyperparameters cannot be used: hyperparameter 'lr'", "0.1"),
    ('["sgd", "adamw"]', "[]", "hyperparameters.optimizer.choices is []", "at least one"),
    ('{optimizer = ["sgd"]}', '{optimiser = ["sgd"]}', "hyperparameters cannot be used", "optimiser"),
    ('{optimizer = ["sgd"]}', '{optimizer = "sgd"}', "hyperparameters.momentum.when is", "list of its values"),
    ("resumable = true", "extra = {}", "[training] has no key 'extra'", "remove it"),
    ("[data]", "[alerts.x]\n[data]", "[alerts] has no key 'x'", "its keys are webhook"),
    # the other tables
    ("[data]", '[schedule]\nevery = "sometimes"\n[data]', "schedule.every is 'sometimes'", "3 months"),
    (
        "[data]",
        '[search]\nsampler = "optuna:cmaes"\n[data]',
        "search.sampler is 'optuna:cmaes'",
        "'auto', 'sobol', 'optuna:tpe', 'optuna:gp' or 'optuna:random'",
    ),
    ("[data]", '[search]\nstrategy = "grid"\n[data]', "search.strategy is 'grid'", "'auto', 'caviar' or 'panda'"),
    ("[data]", '[search]\nday = "soon"\n[data]', "search.day is 'soon'", "'24h'"),
    ("[data]", "[search]\nday = 0\n[data]", "search.day is 0", "'24h'"),
    ("[data]", "[search]\nmax_pairs = 7\n[data]", "search.max_pairs is 7", "multiple of 2"),
    ("[data]", "[search]\nseed = -1\n[data]", "search.seed is -1", "greater than or equal to 0"),
    ("[data]", '[settings]\nfile = "settings.ini"\n[data]', "settings.file is", ".yaml or .yml"),
    ("[data]", '[settings]\nkeys = {learning_rate = "optimizer.lr"}\n[data]', "settings.keys stands", "settings.file"),
    ("[data]", '[settings]\nfile = "s.yaml"\nkeys = {zz = "a.b"}\n[data]', "settings.keys.zz is no", "allowed"),
    ("[data]", '[settings]\npass_env = ["X"]\n[data]', "settings.pass_env stands", "hook"),
    ("[data]", '[settings]\nhook = "reload.sh now"\n[data]', "settings.hook is", "no shell"),
    ("[data]", '[adoption]\nauto = true\n[data]', "adoption.least_gain is missing", "least_gain"),
    ("[data]", '[adoption]\nevidence = 20\n[data]', "adoption.evidence is", "80"),
    ("[data]", '[alerts]\nwebhook = "ftp://x"\n[data]', "alerts.webhook is not the address", "https://"),
    ("[data]", '[alerts]\nwebhook = "https://a:b@x"\n[data]', "alerts.webhook holds a user name", "webhook_secret"),
    ("[data]", '[alerts]\nwebhook_secret = "hush"\n[data]', "alerts.webhook_secret is not a reference", "env:NAME"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "word"), BAD)
def test_a_bad_model_file_is_answered_with_one_line_that_names_the_key(tmp_path, old, new, key, word):
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, (old, new))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'model.toml'}: ")
    assert key in message
    assert word in message
    assert "\n" not in message
    assert "pydantic" not in message
    assert len(message) < 500
    assert caught.value.exit_code == 2


def answer(path: Path) -> str:
    """The message that a file is refused with; empty when it is taken."""
    try:
        load_model_file(path)
    except InputError as error:
        return str(error)
    return ""


CONTENTS = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(place=st.sampled_from(sorted(tomllib.loads(GOOD))), content=CONTENTS)
def test_whatever_stands_in_a_table_is_taken_or_answered_with_one_line(tmp_path_factory, place, content):
    text = tomlkit.dumps({**tomllib.loads(GOOD), place: content})
    assert "\n" not in answer(written(tmp_path_factory.mktemp("any"), text))


def test_a_number_too_long_to_read_is_told(tmp_path):
    with pytest.raises(InputError, match="not valid TOML"):
        load_model_file(written(tmp_path, "a = " + "1" * 5000))


def test_a_syntax_error_is_told_with_its_line(tmp_path):
    with pytest.raises(InputError, match="line 2"):
        load_model_file(written(tmp_path, 'name = "a"\nowner = \n'))


def test_a_file_that_is_not_text_is_told_with_its_line(tmp_path):
    (tmp_path / "model.toml").write_bytes(b'name = "a"\nowner = "\xff"\n')
    with pytest.raises(InputError, match="line 2 is not UTF-8"):
        load_model_file(tmp_path / "model.toml")


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_model_file(tmp_path / "none.toml")
    with pytest.raises(InputError, match="Is a directory"):
        load_model_file(tmp_path)


def test_a_literal_secret_is_refused_without_being_repeated(tmp_path):
    with pytest.raises(InputError) as caught:
        loaded(
            tmp_path,
            ("[data]", '[alerts]\nwebhook = "https:///T0/canary-4711"\nwebhook_secret = "canary-4711"\n[data]'),
        )
    assert "canary-4711" not in str(caught.value)


def test_several_mistakes_are_told_one_at_a_time_with_their_number(tmp_path):
    with pytest.raises(InputError, match=r"\(and 1 more\)"):
        loaded(tmp_path, ('metric = "loss"', 'metrik = "loss"'), ('"rides"', '"-"'))


def test_paths_count_from_the_folder_of_the_file_and_defaults_are_filled_in(tmp_path):
    model = loaded(tmp_path)
    assert model.data is not None
    assert model.data.path == tmp_path / "rides.csv"
    assert model.training.workdir == tmp_path
    assert model.training.interpreter == Path(sys.executable)
    assert (model.training.budget.unit, model.training.budget.amount) == (BudgetUnit.STEPS, 100.0)
    assert model.training.timeout_s == 3600.0
    assert (model.schedule.every, model.search.max_pairs, model.data.snapshot) == ("3 months", 32, "copy")


def test_a_link_to_an_interpreter_is_kept_as_written(tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    assert loaded(tmp_path, ("resumable = true", 'python = "./python"')).training.python == tmp_path / "python"


def test_the_canonical_form_reads_back_as_the_same_model_in_the_same_order(tmp_path):
    model = loaded(tmp_path, ("resumable = true", 'resumable = true\ntimeout = "10m"\nresources = {memory = "2GiB"}'))
    again = ModelFile.from_json(model.to_json())
    assert again == model
    assert again.fingerprint() == model.fingerprint()
    assert again.space().names == ("lr", "optimizer", "momentum")
    assert again.training.resources.memory_bytes == 2 * 2**30


def test_comments_and_spaces_do_not_change_the_fingerprint_but_a_value_does(tmp_path):
    model = loaded(tmp_path)
    assert loaded(tmp_path, ("value = 0.1", "value    = 0.1 # tuned in May")).fingerprint() == model.fingerprint()
    assert loaded(tmp_path, ("value = 0.1", "value = 0.2")).fingerprint() != model.fingerprint()


def test_a_stored_form_of_another_version_is_told_with_a_remedy():
    with pytest.raises(StateError, match="register the model again"):
        ModelFile.from_json('{"name": "a"}')


def test_a_stored_value_may_lie_outside_the_bounds_of_the_search(tmp_path):
    assert loaded(tmp_path, ("value = 0.1", "value = 5")).stored_configuration()["lr"] == 5.0


def test_a_conditional_value_is_left_out_of_the_configuration_while_its_condition_does_not_hold(tmp_path):
    assert loaded(tmp_path, ('value = "sgd"', 'value = "adamw"')).stored_configuration() == {
        "lr": 0.1,
        "optimizer": "adamw",
    }


def test_a_placeholder_of_a_condition_that_always_holds_is_allowed(tmp_path):
    model = loaded(tmp_path, ("--lr={lr}", "{momentum}"), ('{optimizer = ["sgd"]}', '{optimizer = ["adamw", "sgd"]}'))
    assert model.training.command == ("python3", "train.py", "{momentum}")


def test_the_floor_becomes_a_score_of_which_higher_is_better(tmp_path):
    assert loaded(tmp_path, ('metric = "loss"', 'metric = "loss"\nfloor = 2')).objective().floor == -2.0
    assert loaded(tmp_path, ('"minimize"', '"maximize"\nfloor = 2')).objective().floor == 2.0
    assert loaded(tmp_path).objective().floor is None


def test_a_model_that_cannot_be_babysat_is_told_so_when_it_is_registered(tmp_path):
    panda = ("[data]", '[search]\nstrategy = "panda"\n[data]')
    assert loaded(tmp_path, panda).search.strategy == "panda"
    with pytest.raises(InputError, match=r"search\.strategy is 'panda', but the command does not honour checkpoints"):
        loaded(tmp_path, panda, ("resumable = true", ""))
    with pytest.raises(InputError, match="no learning rate to move"):
        loaded(tmp_path, panda, ("[hyperparameters.lr]", "[hyperparameters.step]"), ("{lr}", "{step}"))
    with pytest.raises(InputError, match=r"its lr has a step of 0\.001, and a panda moves the rate by factors"):
        loaded(tmp_path, panda, ("log = true\nvalue = 0.1", "step = 0.001\nvalue = 0.1"))


def test_a_step_is_read_and_a_high_off_the_grid_is_refused(tmp_path):
    stepped = ("log = true\nvalue = 0.1", "step = 0.003\nvalue = 0.1")
    (lr,) = (parameter for parameter in loaded(tmp_path, stepped).space().hyperparameters if parameter.name == "lr")
    assert lr.grid.count == 334
    off = r"'lr' .*high is not on the grid low \+ k \* step; allowed near it: 0\.951 or 1\.001"
    with pytest.raises(InputError, match=off):
        loaded(tmp_path, ("log = true\nvalue = 0.1", "step = 0.05\nvalue = 0.1"))


def test_a_schedule_needs_a_command_that_honours_checkpoints(tmp_path):
    schedule = ("low = 0.001\nhigh = 1.0\nlog = true\nvalue = 0.1", "value = [[0, 0.1], [50, 0.01]]")
    kind = ('type = "float"', 'type = "schedule"')
    assert loaded(tmp_path, schedule, kind).stored_configuration()["lr"] == ((0.0, 0.1), (50.0, 0.01))
    with pytest.raises(InputError, match=r"hyperparameters\.lr is a schedule.*resumable = true"):
        loaded(tmp_path, schedule, kind, ("resumable = true", ""))


def test_a_recipe_can_always_be_resumed(tmp_path):
    recipe = ('command = ["python3", "train.py", "--lr={lr}"]', 'recipe = "recipe.py:Rides"')
    training = loaded(tmp_path, recipe, ("resumable = true", "")).training
    assert (training.recipe_file, training.recipe_class, training.is_resumable) == (
        tmp_path / "recipe.py",
        "Rides",
        True,
    )
    with pytest.raises(InputError, match=r"training\.resumable is false"):
        loaded(tmp_path, recipe, ("resumable = true", "resumable = false"))


def test_a_recipes_precision_reaches_its_workers_and_a_command_has_none_to_give(tmp_path):
    recipe = ('command = ["python3", "train.py", "--lr={lr}"]', 'recipe = "recipe.py:Rides"')
    coarse = ("resumable = true", 'precision = "bf16"')
    assert training_order(loaded(tmp_path, recipe, coarse), "", 1, 0).precision == "bf16"
    assert training_order(loaded(tmp_path, recipe, ("resumable = true", "")), "", 1, 0).precision == "float32"
    with pytest.raises(InputError, match=r"training\.precision is 'bf16'.*a command chooses its own precision"):
        loaded(tmp_path, coarse)
    with pytest.raises(InputError, match=r"training\.precision is 'fp8'"):
        loaded(tmp_path, recipe, ("resumable = true", 'precision = "fp8"'))


def test_trainings_see_only_what_is_let_through(tmp_path):
    training = loaded(tmp_path, ("resumable = true", 'pass_env = ["GPU"]')).training
    assert training.environment({"PATH": "/bin", "TOKEN": "t", "GPU": "0"}) == {"PATH": "/bin", "GPU": "0"}


def test_the_code_of_a_command_is_its_words_that_are_files_of_the_workdir(tmp_path):
    (tmp_path / "train.py").write_text("")
    assert loaded(tmp_path).code_files() == (tmp_path / "train.py",)


@pytest.fixture
def complete(tmp_path):
    (tmp_path / "rides.csv").write_text("1\n")
    (tmp_path / "recipe.py").write_text("class Rides:\n    pass\n")
    return tmp_path


RECIPE = ('command = ["python3", "train.py", "--lr={lr}"]', 'recipe = "recipe.py:Rides"')
BAD_PATHS = [
    (("resumable = true", 'workdir = "gone"'), "training.workdir: there is no folder"),
    (("resumable = true", 'python = "rides.csv"'), "training.python: .* is not an executable program"),
    (('"python3"', '"no-such-program-here"'), "training.command: there is no program"),
    (('"python3"', '"./rides.csv"'), "training.command: there is no program"),
    ((RECIPE[0], 'recipe = "recipe.py:Ride"'), "has no class Ride; its classes are Rides; did you mean 'Rides'"),
    ((RECIPE[0], 'recipe = "gone.py:Rides"'), "training.recipe: .* cannot be read"),
    (('"rides.csv"', '"gone.csv"'), "data.path: there is nothing at"),
    (('path = "rides.csv"', 'glob = "*.parquet"'), "data.glob: no file matches"),
    (("[data]", '[settings]\nfile = "gone/a.json"\n[data]'), "settings.file: there is no folder"),
]


@pytest.mark.parametrize(("change", "message"), BAD_PATHS)
def test_what_is_not_there_is_told_at_registration(complete, change, message):
    model = loaded(complete, change)
    with pytest.raises(InputError, match=message):
        check_paths(model)


def test_a_recipe_that_is_not_python_is_told_with_its_line(complete):
    (complete / "recipe.py").write_text("class Rides:\n  def\n")
    with pytest.raises(InputError, match="line 2"):
        check_paths(loaded(complete, RECIPE))


def test_a_model_whose_paths_are_there_passes(complete):
    check_paths(loaded(complete))
    check_paths(loaded(complete, RECIPE, ('path = "rides.csv"', 'glob = "*.csv"')))


def test_data_that_a_prepare_command_brings_need_not_be_there_yet(complete):
    check_paths(loaded(complete, ('path = "rides.csv"', 'path = "gone.csv"\nprepare = ["python3", "fetch.py"]')))


def test_the_example_is_a_valid_model_file():
    assert load_model_file(EXAMPLE).name == "bike-share"


@pytest.mark.parametrize("text", ["2%", "2 %", "2.0%"])
def test_a_margin_may_be_a_share_and_survives_storing(tmp_path, text):
    model = loaded(tmp_path, ('metric = "loss"', f'metric = "loss"\nmargin = "{text}"\nleast_drop = "{text}"'))
    assert (model.goal.margin, model.goal.least_drop) == ("2%", "2%")
    assert ModelFile.from_json(model.to_json()) == model


def test_the_trivial_score_is_turned_with_the_metric(tmp_path):
    model = loaded(tmp_path, ('metric = "loss"', 'metric = "loss"\ntrivial = 4.0'))
    assert (model.goal.trivial, model.trivial_score) == (4.0, -4.0)
    assert loaded(tmp_path).trivial_score is None


def test_the_example_with_every_key_switched_on_is_valid_and_has_every_key(tmp_path):
    text = without_comments(EXAMPLE).replace('recipe = "recipe.py:Recipe"', "").replace('glob = "data/rides-*.csv"', "")
    text = text.replace('every = "3 months"', "").replace('column = "val_loss"', "")
    text = re.sub("^pattern = .*", "", text, flags=re.MULTILINE)
    model = load_model_file(written(tmp_path, text))
    given = tomllib.loads(text)
    assert missing(type(model), given) == {
        "training.recipe",
        "data.glob",
        "data.split.list",  # of folders, named in the explanation
        "data.split.file_column",
        "objective.pattern",
        "objective.column",
        "schedule.every",
        "training.budget.steps",
        "training.budget.seconds",
    }


def missing(table, given, prefix=""):
    """Dotted names of the keys that a table of the model file knows and `given` lacks, hyperparameters apart."""
    absent = set()
    for name, field in table.model_fields.items():
        key = field.alias or name
        inner = field.annotation if hasattr(field.annotation, "model_fields") else None
        inner = inner or next(
            (part for part in getattr(field.annotation, "__args__", ()) if hasattr(part, "model_fields")), None
        )
        if key not in given:
            absent.add(prefix + key)
        elif inner is not None and key != "hyperparameters":
            absent |= missing(inner, given[key], f"{prefix}{key}.")
    return absent


@pytest.mark.parametrize(
    "text", ["a." * 20_000 + "a = 1", "[" + "a." * 20_000 + "a]", "x = {" + "a . " * 20_000 + "a = 1}"]
)
def test_a_key_of_thousands_of_parts_is_refused_before_it_is_parsed(tmp_path, text):
    with pytest.raises(InputError, match="a key of more than 32 parts"):
        load_model_file(written(tmp_path, text))


def test_dots_in_texts_and_numbers_are_no_keys(tmp_path):
    points = ", ".join("0.1" for _ in range(200))
    text = GOOD.replace('owner = "team"', f'owner = "team"  # {"." * 100} {points}\ndescription = "{"so... " * 50}"')
    assert load_model_file(written(tmp_path, text)).name == "rides"


COOL_DOWNS = [("1 month", 30), ("2 weeks", 14), ("1 day", 1), ("6 h", 0.25), ("36h", 1.5), ("90m", 1 / 16), ("1d", 1)]


@pytest.mark.parametrize(("text", "days"), COOL_DOWNS)
def test_a_cool_down_is_a_distance_or_a_number_of_hours(tmp_path, text, days):
    model = loaded(tmp_path, ("[data]", f'[triggers]\ncool_down = "{text}"\n[data]'))
    assert model.triggers.cool_down_s == days * 86400.0
    assert ModelFile.from_json(model.to_json()).triggers == model.triggers


def test_a_stored_file_with_a_shorter_interval_than_is_allowed_now_is_still_read(tmp_path):
    stored = loaded(tmp_path, ("[data]", '[triggers]\nlook_every = "5m"\n[data]')).to_json()
    assert ModelFile.from_json(stored.replace("300.0", "30.0")).triggers.look_every_s == 30.0
