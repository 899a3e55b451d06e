"""Drafts of model files for scripts as they are found: what each says, and that it can be registered once whole."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from retuned.daemon.config.model_file import load_model_file, model_file_in
from retuned.daemon.drafting.first_draft import draft_for, write_new
from retuned.daemon.drafting.scripts import training_scripts
from retuned.daemon.metric_patterns import compile_pattern, number_in
from retuned.strategies.drafting.draft import Surroundings
from retuned.strategies.drafting.drafting import draft, is_finished
from retuned.strategies.drafting.python_source import read_python
from retuned.strategies.drafting.toml_text import model_text
from retuned.strategies.errors import InputError, RetunedError
from retuned.strategies.legs.command import expand

SCRIPTS = Path(__file__).parent / "scripts"
NOWHERE = {"HOME": "/nowhere", "PATH": "/usr/bin:/bin"}
ROWS = "x,customer_id,date,price\n" + "1,2,2026-01-01,3\n" * 500


@pytest.fixture
def folder(work_in):
    """The scripts in a folder with a table, which is the current folder."""
    return work_in(SCRIPTS, ROWS)


def drafted(name, **options):
    return draft_for(Path(name), Path("model.toml"), NOWHERE, **({"asks": False} | options))


# script, command after the interpreter, (metric, direction), budget, {hyperparameter: (low, high, value)}
WHOLE = [
    # argparse, as PyTorch's own example has it; no data argument
    ("mnist.py", "--batch-size={batch_size} --lr={lr} --gamma={gamma} --seed={seed}", ("loss", "minimize"),
     {"epochs": 14}, {"batch_size": (16, 256, 64), "lr": (0.033, 30.0, 1.0), "gamma": (0.1, 1.0, 0.7)}),
    # a position for the data, a dest unlike the flag's first form, an output with a default
    ("forest.py", "{data} --n-estimators={n_estimators} --min-samples-leaf={min_samples_leaf} --random-state={seed} "
     "--model-out={tmp}/forest.joblib", ("test_RMSE", "minimize"), {"epochs": 1},
     {"n_estimators": (50, 800, 200), "min_samples_leaf": (1, 15, 3)}),
    # groups of arguments, dest, a constant as default, the metric in a JSON file
    ("boost.py", "--train-file={train} --valid-file={eval} --metrics={tmp}/metrics.json --learning-rate={eta} "
     "--feature-fraction={feature_fraction} --lambda-l2={lambda_l2} --seed={seed}", ("auc", "maximize"), {"epochs": 1},
     {"eta": (0.0017, 1.0, 0.05), "feature_fraction": (0.4, 1.0, 0.9), "lambda_l2": (0.0, 10.0, 0.0)}),
    # click: positions, choices, a switch with both texts
    ("clicked.py", "{train} {eval} --lr={lr} --optimizer={optimizer} {nesterov:--nesterov|--no-nesterov} "
     "--dropout={dropout} --seed={seed}", ("val_acc", "maximize"), {"epochs": 5},
     {"lr": (3.3e-05, 0.03, 0.001), "optimizer": (None, None, "adam"), "nesterov": (None, None, False),
      "dropout": (0.0, 0.6, 0.1)}),
    # typer: a position without default, Annotated, Option, a bool
    ("typed.py", "{data} --hidden-size={hidden_size} --learning-rate={learning_rate} --weight-decay={weight_decay} "
     "{batch_norm:--batch-norm|--no-batch-norm} --seed={seed}", ("mae", "minimize"), {"steps": 2000},
     {"hidden_size": (16, 256, 64), "learning_rate": (0.0001, 0.09, 0.003), "weight_decay": (1e-06, 0.01, 0.0001),
      "batch_norm": (None, None, True)}),
    # fire: True and False as values; of two losses in one line that of held-out rows, with its epoch
    ("fired.py", "--train_csv={train} --eval_csv={eval} --lr={lr} --momentum={momentum} "
     "--nesterov={nesterov:True|False} --seed={seed}", ("val_loss", "minimize"), {"epochs": 3},
     {"lr": (0.0033, 3.0, 0.1), "momentum": (0.0, 0.99, 0.9), "nesterov": (None, None, True)}),
    # Hydra: the configuration and the group that it names, as overrides
    ("hydrated.py", "optimizer.lr={lr} optimizer.momentum={momentum} seed={seed} data.train={train} data.val={eval} "
     "model.dropout={dropout}", ("val_error", "minimize"), {"epochs": 8},
     {"lr": (0.00033, 0.3, 0.01), "momentum": (0.0, 0.99, 0.9), "dropout": (0.0, 0.6, 0.2)}),
    # a configuration file, with the values at their places
    ("configured.py", "--config={config} --output-dir={tmp}/runs", ("val_loss", "minimize"), {"epochs": 12},
     {"learning_rate": (1e-05, 0.009, 0.0003), "weight_decay": (0.0, 0.1, 0.0), "num_layers": (1, 8, 3)}),
    # the arguments of a dataclass, and what the library prints by itself
    ("transformed.py", "--train_file={train} --validation_file={eval} --learning_rate={learning_rate} "
     "--per_device_train_batch_size={per_device_train_batch_size} --weight_decay={weight_decay} --seed={seed}",
     ("eval_loss", "minimize"), {"epochs": 1},
     {"learning_rate": (1.7e-06, 0.0015, 5e-05), "per_device_train_batch_size": (2, 32, 8),
      "weight_decay": (0.0001, 1.0, 0.01)}),
    ("tyroed.py", "--learning-rate={learning_rate} --gamma={gamma} --seed={seed}", ("episodic_return", "maximize"),
     {"steps": 128}, {"learning_rate": (8.3e-06, 0.0075, 0.00025), "gamma": (0.9, 0.9999, 0.99)}),
    # Lightning: the metric that is logged, in the table that validate() prints
    ("lit.py", "--data_dir={data} --lr={lr} --hidden_dim={hidden_dim}", ("val_loss", "minimize"), {"epochs": 3},
     {"lr": (6.7e-05, 0.06, 0.002), "hidden_dim": (32, 512, 128)}),
    # settings from the environment
    ("variables.py", "env LR={lr} SEED={seed} MODEL_DIR={tmp}/models python3 variables.py",
     ("val_accuracy", "maximize"), {"epochs": 3}, {"lr": (0.00033, 0.3, 0.01)}),
    # R, whose options stand in its source
    ("fit.R", "--lambda={lambda} --seed={seed}", ("test_rmse", "minimize"), {"epochs": 1},
     {"lambda": (0.001, 10.0, 0.1)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words", "metric", "budget", "space"), WHOLE, ids=[row[0] for row in WHOLE])
def test_a_script_becomes_a_model_file_that_can_be_registered(folder, name, words, metric, budget, space):
    found = drafted(name)
    model = model_file_in(found.text.encode(), folder / "model.toml")
    assert [*model.training.command][-len(words.split()) :] == words.split()
    assert (model.goal.metric, model.goal.direction) == metric
    assert model.training.budget.model_dump(exclude_none=True) == budget
    assert {key: (one.low, one.high, one.value) for key, one in model.hyperparameters.items()} == space
    assert (model.owner, "# TODO" in found.text) == ("ada@example.org", False)


@pytest.mark.parametrize(
    ("name", "line", "value"),
    [
        ("mnist.py", "Test set: Average loss: 0.0269, Accuracy: 9913/10000 (99%)", 0.0269),
        ("forest.py", "test RMSE: 12.300", 12.3),
        ("clicked.py", "INFO:train:epoch 3 val_acc 0.9100", 0.91),
        ("typed.py", "step=2000 mae=1.0", 1.0),
        ("fired.py", "Epoch 2/3 | train loss 0.700 | val loss 0.500", 0.5),
        ("hydrated.py", "rides: val/error=0.01", 0.01),
        ("configured.py", '{"epoch": 1, "train_loss": 0.4, "val_loss": 0.5}', 0.5),
        ("constants.py", "val_mse = 0.12345", 0.12345),
        ("transformed.py", "{'eval_loss': 0.731, 'eval_runtime': 0.4}", 0.731),
        ("transformed.py", "{'eval_loss': '0.731', 'eval_runtime': '0.4'}", 0.731),
        ("tyroed.py", "global_step=128, episodic_return=12.5", 12.5),
        ("lit.py", "│         val_loss          │    0.7312998175621033     │", 0.7312998175621033),
        ("fit.R", "test rmse: 0.5 ", 0.5),
        ("helpful", "valid mae: 0.5", 0.5),
        ("unpacked.py", "accuracy: 0.51", 0.51),
    ],
)
def test_the_pattern_finds_what_the_script_prints(folder, name, line, value):
    sight = drafted(name).draft.metric
    *_, (_, text, _) = compile_pattern(sight.pattern).matches(line)
    assert number_in(text) == value


# script, what the first error of registering it names, the lines to do
UNFINISHED = [
    # nothing says what the current values are
    ("positional.py", "hyperparameters.lr.value is missing", ["value"]),
    ("unpacked.py", "hyperparameters.learning_rate.value is missing", ["value", "value"]),
    # nothing outside can set constants
    ("constants.py", "training.command has the unknown placeholder '{TODO}'", ["nothing hands over"]),
    # logged to a tracker alone
    ("tracked.py", "objective.metric is missing", ["metric", "value"]),
    ("ancient.py", "hyperparameters is missing", ["no hyperparameter"]),
    ("table.sh", "hyperparameters.lr.value is missing", ["value"]),
]


@pytest.mark.parametrize(("name", "fault", "todos"), UNFINISHED, ids=[row[0] for row in UNFINISHED])
def test_what_only_a_person_knows_is_a_line_to_do_that_the_error_leads_to(folder, name, fault, todos):
    found = drafted(name)
    assert fault in found.fault
    lines = re.findall(r"^# TODO:? (.*)$", found.text, re.MULTILINE)
    assert [line.startswith(todo) for line, todo in zip(lines, todos, strict=True)] == [True] * len(todos)
    assert not is_finished(found.draft)


def test_the_files_beside_a_script_are_found_and_its_data_are_cut(folder):
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    found = drafted("boost.py")
    model = model_file_in(found.text.encode(), folder / "model.toml")
    assert model.training.python == python
    assert (model.data.path, model.split.by) == (folder / "rows.csv", "rows")
    assert (model.goal.file, model.goal.key) == ("{tmp}/metrics.json", "valid.auc")
    assert '# split = {by = "groups", column = "customer_id"}' in found.text
    assert '# split = {by = "time", column = "date"}' in found.text
    assert found.fault == ""


def test_variables_that_nothing_sets_are_passed_on(folder):
    model = model_file_in(drafted("variables.py").text.encode(), folder / "model.toml")
    assert model.training.pass_env == ("CUDA_VISIBLE_DEVICES",)


def test_values_go_to_their_places_in_the_configuration_file(folder):
    model = model_file_in(drafted("configured.py").text.encode(), folder / "model.toml")
    assert model.training.write == "configured.yaml"
    assert dict(model.training.values) == {"data.path": "{data}", "trainer.seed": "{seed}"}
    assert dict(model.places)["num_layers"] == "model.num_layers"


def test_a_table_that_a_shell_script_writes_is_where_its_metric_is(folder):
    found = drafted("table.sh")
    assert found.draft.command == ("sh", "table.sh", "{train}", "{eval}", "{lr}", "{seed}", "{tmp}/out")
    assert (found.draft.metric.column, found.draft.metric_file) == ("val_loss", "{tmp}/out")


def test_a_program_that_is_no_python_is_known_by_its_help(folder):
    found = drafted("helpful", asks=True)
    assert found.draft.command == (
        "./helpful", "--train", "{train}", "--valid", "{eval}", "--learning-rate", "{learning_rate}",
        "--trees", "{trees}", "--max-depth", "{max_depth}", "--seed", "{seed}",
    )  # fmt: skip
    assert [one.value for one in found.draft.hyperparameters] == [0.05, 300, 6]
    assert found.notes == ()
    assert not (folder / "trained").exists()


@pytest.mark.parametrize(
    ("opened", "file"),
    [
        ('with open(os.path.join(args.out, "metrics.json"), "w") as f:', "{tmp}/latest/metrics.json"),
        ('with (Path(args.out) / "metrics.json").open("w") as f:', "{tmp}/latest/metrics.json"),
        ('with open("log/metrics.json", "w") as f:', "log/metrics.json"),
    ],
)
def test_metrics_in_a_dictionary_are_found_in_the_file_that_it_is_written_to(folder, opened, file):
    (folder / "fraud.py").write_text(
        "import argparse, json, os\nfrom pathlib import Path\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--train', required=True)\nparser.add_argument('--valid', required=True)\n"
        "parser.add_argument('--lr', type=float, default=0.1)\nparser.add_argument('--seed', type=int, default=0)\n"
        "parser.add_argument('--pos-weight', type=float, default=10.0)\n"
        "parser.add_argument('--out', default='runs/latest')\nargs = parser.parse_args()\n"
        f'result = {{"epoch": 1, "val": {{"log_loss": 0.5}}}}\n{opened}\n    json.dump(result, f)\n'
    )
    model = model_file_in(drafted("fraud.py").text.encode(), folder / "model.toml")
    assert (model.goal.file, model.goal.key) == (file, "val.log_loss")
    assert (model.hyperparameters["pos_weight"].low, model.hyperparameters["pos_weight"].high) == (1.0, 100.0)


def test_arguments_that_only_the_help_names_are_taken_from_it(folder):
    (folder / "options.py").write_text(
        "def add(parser):\n    parser.add_argument('--dropout', type=float, default=0.2, help='share')\n"
    )
    (folder / "late.py").write_text(
        "import argparse\nfrom options import add\n"
        "parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)\n"
        "add(parser)\nparser.add_argument('--lr', type=float, default=0.1, help='rate')\n"
        "parser.add_argument('--width', type=int, default=16, help='units')\n"
        "parser.parse_args()\nopen('trained', 'w')\nprint('loss:', 1)\n"
    )
    names = [one.name for one in drafted("late.py", asks=True).draft.hyperparameters]
    assert names == ["lr", "width", "dropout"]
    assert [one.name for one in drafted("late.py").draft.hyperparameters] == ["lr", "width"]


def test_help_that_fails_is_a_note_and_the_draft_goes_on(folder):
    found = drafted("fired.py", asks=True)
    assert [one.name for one in found.draft.hyperparameters] == ["lr", "momentum", "nesterov"]
    (note,) = found.notes
    assert note.startswith("the help of fired.py was not read: it ended with exit code 1: ModuleNotFoundError")
    assert note.endswith("with python3 it would not train either: name the right one, python = '...' under [training]")


def test_a_draft_is_written_whole_and_never_over_anything(folder):
    found, out = drafted("mnist.py"), folder / "model.toml"
    write_new(found.text, out)
    assert load_model_file(out).name == "mnist"
    out.write_text("mine")
    with pytest.raises(InputError, match="nothing is overwritten"):
        write_new(found.text, out)
    assert (out.read_text(), list(folder.glob(".model*"))) == ("mine", [])
    with pytest.raises(RetunedError, match="cannot be written"):
        write_new(found.text, folder / "no/model.toml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.py", "absent.py is not there"),
        ("conf", "conf is a folder"),
        ("notes.ipynb", "is a notebook; allowed: a program that can be started; export it: jupyter nbconvert"),
    ],
)
def test_what_is_no_script_is_refused_in_one_line(folder, name, words):
    with pytest.raises(InputError, match=re.escape(words)):
        drafted(name)


def test_what_init_wrote_is_registered_and_its_command_trains(folder, retuned):
    examples = SCRIPTS.parents[3] / "examples/scripts"
    shutil.copy(examples / "train.py", folder / "linear.py")
    (folder / "rows.csv").unlink()
    shutil.copy(examples / "rides.csv", folder)
    done = retuned("init", "linear.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "next: read the guesses, then: retuned check model.toml" in done.stdout
    assert retuned("register", folder / "model.toml").returncode == 0
    model = load_model_file(folder / "model.toml")
    values = model.stored_configuration() | {"seed": 1, "train": "rides.csv", "eval": "rides.csv"}
    trained = subprocess.run(expand(model.training.argv, values), capture_output=True, text=True, check=True)
    matches = compile_pattern(model.goal.pattern).matches(trained.stdout.splitlines()[-1])
    assert [step for _, _, step in matches] == ["4"]


def test_init_without_a_script_leads_on(tmp_path, folder, retuned):
    assert {folder / "mnist.py", folder / "table.sh"} <= set(training_scripts(folder))
    (tmp_path / "empty").mkdir()
    empty = retuned("init", cwd=tmp_path / "empty")
    assert (empty.returncode, "retuned demo" in empty.stdout, "retuned example" in empty.stdout) == (0, True, True)
    assert list((tmp_path / "empty").iterdir()) == []


NAMES = st.sampled_from(
    ["lr", "seed", "train", "eval", "data", "epochs", "out", "config", "hidden", "x y", "{a}", "ä", ""]
)
VALUES = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=8), st.lists(st.integers(), max_size=3)
)
ARGUMENTS = st.builds(
    lambda dashes, name, kind, default, more: (
        f"p.add_argument({dashes + name!r}, type={kind}, default={default!r}{more})"
    ),
    st.sampled_from(["--", "-", ""]), NAMES, st.sampled_from(["int", "float", "str", "bool", "odd"]), VALUES,
    st.sampled_from(["", ", required=True", ", nargs='+'", ", choices=[1, 2]", ", choices=['a', 'b']", ", dest='seed'",
                     ", action='store_true'", ", action=X"]),
)  # fmt: skip
TEXTS = ("loss={1}", "epoch {2} acc: {1:.3f}", "'rmse' {3}", "{}", "a\\b loss {1}", "val loss|{1}")
PRINTS = st.builds(
    lambda text, value: f"print(f{text!r}, {value!r}, {text!r} % 1, loss)", st.sampled_from(TEXTS), VALUES
)
LINES = st.one_of(ARGUMENTS, PRINTS, st.builds("{} = {!r}".format, st.sampled_from(["lr", "batch_size", "C"]), VALUES))
OTHERS = (
    "def f(lr=0.1, seed:int=3, /, *, data):\n  pass", "import fire, typer, click, tyro, hydra", "fire.Fire(f)",
    "typer.run(f)", "@click.option('--lr', default=1)\ndef g(): pass", "import sys", "a, lr = sys.argv[1:]",
    "x = float(sys.argv[9])", "json.dump({'loss': {'a': 1}}, f)", "wandb.log({'loss': 1})",
    "w.writerow(['epoch', 'loss'])", "@hydra.main(config_name='c')\ndef h(c): pass",
)  # fmt: skip
SOURCES = st.one_of(
    st.lists(LINES, max_size=8).map(lambda lines: "\n".join(["import argparse", *lines])),
    st.lists(st.sampled_from(OTHERS), max_size=8).map("\n".join),
    st.text(max_size=200),
)


@hypothesis.settings(max_examples=150)
@hypothesis.given(source=SOURCES, name=st.text(max_size=10))
@hypothesis.example(source="import argparse\np.add_argument('--lr', type=int, default=450359962737050.0)", name="")
@hypothesis.example(source="import argparse\np.add_argument('--layers', type=int, default=1e17)", name="")
def test_any_source_becomes_a_file_that_is_valid_or_says_what_is_to_do(source, name):
    program = read_python(source)
    hypothesis.assume(program is not None)
    around = Surroundings("model", name, ("python3", "train.py"), "me", "a guess", tables=("a b.csv",))
    found = draft(program, around)
    text = model_text(found)
    assert error_of(text) == "" or "# TODO" in text
    assert not is_finished(found) or error_of(text) == ""


def error_of(text):
    try:
        model_file_in(text.encode(), Path("/work/model.toml"))
    except InputError as error:
        return str(error)
    return ""


@hypothesis.settings(max_examples=30)
@hypothesis.given(content=st.one_of(st.binary(max_size=200), SOURCES.map(lambda text: text.encode(errors="replace"))))
def test_any_file_whatever_becomes_a_draft(tmp_path_factory, content):
    script = tmp_path_factory.mktemp("any") / "train.sh"
    script.write_bytes(content)
    found = draft_for(script, script.with_name("model.toml"), NOWHERE, asks=False)
    assert found.fault == "" or "TODO" in found.text


def test_nesting_without_end_is_no_obstacle():
    assert read_python("(" * 100_000) is None
    assert read_python("x = " + "-" * 5000 + "1") is None
    assert read_python("print(" + "'a' + " * 900 + "'loss: %f' % 1)") is not None
