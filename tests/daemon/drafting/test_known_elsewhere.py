"""Drafts from what a team has already: studies and runs that Optuna and MLflow made themselves, sweeps, value files."""

import json
import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
from retuned.daemon.config.model_file import model_file_in
from retuned.daemon.drafting.first_draft import draft_for
from retuned.daemon.drafting.from_files import sweep_of, values_of
from retuned.daemon.drafting.from_mlflow import run_of
from retuned.daemon.drafting.from_optuna import study_of
from retuned.strategies.drafting.draft import Given
from retuned.strategies.errors import InputError

NOWHERE = {"HOME": "/nowhere"}
SCRIPT = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--optimizer", default="sgd")
parser.add_argument("--nesterov", action="store_true")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
print(f"val_loss={1.0}")
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path / "train.py"


def model_of(script, given):
    found = draft_for(script, script.with_name("model.toml"), NOWHERE, asks=False, given=given)
    return model_file_in(found.text.replace("# TODO owner", "owner").encode(), script.with_name("model.toml"))


def space_of(model):
    keys = ("type", "low", "high", "log", "step", "choices", "value")
    return {name: tuple(getattr(one, key) for key in keys) for name, one in model.hyperparameters.items()}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The URL of a study whose best trial is known."""
    optuna = pytest.importorskip("optuna", reason="NOT TESTED: Optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path_factory.mktemp('study')}/study.db"
    made = optuna.create_study(study_name="rides", storage=url, direction="minimize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says Optuna
        made.set_metric_names(["val_loss"])
    optuna.create_study(study_name="empty", storage=url)

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        trial.suggest_int("layers", 1, 9, step=2)
        trial.suggest_categorical("optimizer", ["sgd", "adam", None])
        trial.suggest_categorical("nesterov", [True, False])
        return abs(rate - 0.01)

    fixed = {"learning_rate": 0.01, "layers": 5, "optimizer": "adam", "nesterov": True}
    made.enqueue_trial(fixed)
    made.optimize(objective, n_trials=3)
    return url


def test_a_study_gives_its_space_and_its_best_values(study, script):
    model = model_of(script, study_of(study, "rides"))
    assert space_of(model) == {
        "learning_rate": ("float", 1e-5, 0.1, True, None, None, 0.01),
        "layers": ("int", 1, 9, False, 2, None, 5),
        "optimizer": ("categorical", None, None, False, None, ("sgd", "adam"), "adam"),
        "nesterov": ("bool", None, None, False, None, None, True),
    }
    assert (model.goal.metric, model.goal.direction) == ("val_loss", "minimize")
    assert model.training.command[2:] == (
        "--learning-rate={learning_rate}", "--layers={layers}", "--optimizer={optimizer}", "{nesterov:--nesterov}",
        "--seed={seed}",
    )  # fmt: skip


def test_a_journal_is_a_storage_too(tmp_path):
    optuna = pytest.importorskip("optuna", reason="NOT TESTED: Optuna is not installed")
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    made = optuna.create_study(study_name="rides", storage=storage, direction="maximize")
    made.optimize(lambda trial: trial.suggest_int("batch_size", 8, 64, log=True), n_trials=2)
    given = study_of(str(tmp_path / "journal.log"), "rides")
    (one,) = given.hyperparameters
    assert (one.name, one.range.low, one.range.high, one.value) == ("batch_size", 8, 64, made.best_params["batch_size"])
    assert given.direction == "maximize"


@pytest.mark.parametrize(
    ("url", "name", "words"),
    [
        ("{study}", "rids", "has no study 'rids'; there are: empty, rides; did you mean 'rides'?"),
        ("{study}", "empty", "the study 'empty' has no trial that completed"),
        ("sqlite:///{folder}/absent.db", "rides", "there is no file"),
        ("{folder}/absent.log", "rides", "there is no file"),
        ("sqlite:///{folder}/text.db", "rides", "cannot be read"),
        ("nonsense://ada:hunter22@host/x", "rides", "nonsense://ada:***@host/x cannot be read"),
    ],
)
def test_a_study_that_cannot_be_read_is_told_in_one_line_and_nothing_is_made(study, tmp_path, url, name, words):
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(InputError) as caught:
        study_of(url.format(study=study, folder=tmp_path), name)
    assert words in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


SWEEP = """\
program: train.py
method: bayes
metric: {name: val_loss, goal: minimize}
parameters:
  learning-rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  layers: {min: 1, max: 4}
  optimizer: {values: [sgd, adam]}
  nesterov: {values: [true, false]}
"""


def test_a_sweep_gives_its_space_and_the_script_its_values(script):
    path = script.with_name("sweep.yaml")
    path.write_text(SWEEP)
    given, program = sweep_of(path)
    assert program == script
    assert space_of(model_of(script, given)) == {
        "learning-rate": ("float", 0.0001, 0.1, True, None, None, 0.1),
        "layers": ("int", 1, 4, False, None, None, 2),
        "optimizer": ("categorical", None, None, False, None, ("sgd", "adam"), "sgd"),
        "nesterov": ("bool", None, None, False, None, None, False),
    }


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("{min: 0.1, max: 0.9}", ("float", 0.1, 0.9, False, None, ())),
        ("{min: 1, max: 9, distribution: q_uniform, q: 2}", ("int", 1.0, 9.0, False, 2, ())),
        ("{min: -2.0, max: 0.0, distribution: log_uniform}", ("float", 0.1353352832366127, 1.0, True, None, ())),
        ("{mu: 1.0, sigma: 0.25, distribution: normal}", ("float", 0.5, 1.5, False, None, ())),
        ("{value: 3}", ("int", None, None, False, None, ())),
        ("{values: [1, 2.5, 1]}", ("float", None, None, False, None, (1.0, 2.5))),
        ("{parameters: {depth: {values: [2, 4]}}}", ("int", None, None, False, None, (2, 4))),
    ],
)
def test_every_kind_of_parameter_of_a_sweep_is_known(tmp_path, table, found):
    path = tmp_path / "sweep.yaml"
    path.write_text(f"parameters:\n  one: {table}\n")
    (one,) = sweep_of(path)[0].hyperparameters
    assert (one.range.kind, one.range.low, one.range.high, one.range.log, one.step, one.range.choices) == found


@pytest.mark.parametrize(
    "table", ["{min: 3}", "{values: []}", "{min: .inf, max: 1}", "3", "[1]", "{distribution: beta}"]
)
def test_what_no_range_is_in_a_sweep_is_left_out(tmp_path, table):
    path = tmp_path / "sweep.yaml"
    path.write_text(f"parameters:\n  one: {table}\n")
    assert sweep_of(path)[0].hyperparameters == ()


@pytest.mark.parametrize("name", ["best.json", "best.yaml"])
def test_a_file_of_values_gives_them(script, name):
    path = script.with_name(name)  # JSON is YAML too
    path.write_text(json.dumps({"learning_rate": 0.02, "layers": 3, "path": "rows.csv", "seed": 7}))
    model = model_of(script, values_of(path))
    assert {key: one.value for key, one in model.hyperparameters.items()} == {"learning_rate": 0.02, "layers": 3}


def test_values_without_a_script_leave_the_command_to_do(tmp_path):
    (tmp_path / "best.json").write_text('{"lr": 0.02}')
    found = draft_for(None, tmp_path / "model.toml", NOWHERE, given=values_of(tmp_path / "best.json"))
    assert '# TODO command = ["python3", "train.py", "--lr={lr}"]' in found.text
    assert "training has neither command nor recipe" in found.fault


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2]", "holds no table of keys and values"),
        ("{", "is not valid json"),
        ('{"name": "x"}', "holds no number that looks like a hyperparameter"),
        ('{"seed": 3}', "holds no number that looks like a hyperparameter"),
    ],
)
def test_a_file_without_values_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "best.json").write_text(content)
    with pytest.raises(InputError, match=words):
        values_of(tmp_path / "best.json")


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """The environment of a tracking store with one run, behind version 1 of a registered model."""
    if find_spec("mlflow") is None:
        told = "NOT TESTED: runs of MLflow; mlflow-skinny is not installed (pip: extra mlflow)"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    import mlflow

    uri = (tmp_path_factory.mktemp("tracking") / "mlruns").as_uri()  # an empty folder would be taken for a store
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        with mlflow.start_run() as run:
            mlflow.log_params({"learning_rate": 0.02, "layers": 3, "data": "rows.csv"})
            mlflow.log_metrics({"train_loss": 0.1, "val_loss": 0.2})
        client = mlflow.MlflowClient()
        client.create_registered_model("rides")
        client.create_model_version("rides", "models", run.info.run_id)
        client.set_registered_model_alias("rides", "champion", "1")
        yield run.info.run_id


@pytest.mark.parametrize("place", ["{run}", "runs:/{run}", "models:/rides@champion", "models:/rides/1"])
def test_a_run_of_mlflow_gives_its_values_and_its_metric(script, tracked, place):
    model = model_of(script, run_of(place.format(run=tracked)))
    assert {key: one.value for key, one in model.hyperparameters.items()} == {"learning_rate": 0.02, "layers": 3}
    assert (model.goal.metric, model.goal.direction) == ("val_loss", "minimize")


def test_a_model_that_mlflow_does_not_know_is_told(tracked):
    with pytest.raises(InputError, match="models:/rides@nobody cannot be read from MLflow"):
        run_of("models:/rides@nobody")


def test_a_missing_extra_is_named_with_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"pip install 'retuned\[mlflow\]'"):
        run_of("models:/rides@champion", {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})


@pytest.mark.parametrize("place", ["rides", "models:/rides", "models:/a/b@c", "x" * 5000, ""])
def test_what_is_no_run_is_refused_in_one_line(place):
    with pytest.raises(InputError, match="allowed: models:/NAME@ALIAS"):
        run_of(place)


def test_one_source_at_a_time(tmp_path, retuned):
    done = retuned("init", "--json", "a.json", "--yaml", "b.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "2 sources are named" in done.stderr
    assert list(Path(tmp_path).iterdir()) == []


def test_a_seed_that_a_sweep_fixes_stays_retuneds_to_give(script, tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("parameters:\n  learning_rate: {min: 0.001, max: 0.1}\n  seed: {value: 3}\n")
    given, _ = sweep_of(path)
    found = draft_for(script, script.with_name("model.toml"), NOWHERE, asks=False, given=given)
    assert [one.name for one in found.draft.hyperparameters] == ["learning_rate"]
    assert "--seed={seed}" in found.draft.command


def test_of_several_metrics_the_one_that_a_study_may_have_minimized_is_taken(script):
    script.write_text(SCRIPT.replace("val_loss", "MAE") + "print(f'R2: {0.5}')\n")
    alone = draft_for(script, script.with_name("model.toml"), NOWHERE, asks=False)
    given = Given("a study", (), direction="minimize")
    known = draft_for(script, script.with_name("model.toml"), NOWHERE, asks=False, given=given)
    assert (alone.draft.metric.name, alone.draft.direction) == ("R2", "maximize")
    assert (known.draft.metric.name, known.draft.direction) == ("MAE", "minimize")
