"""Where a model file says its metric is found: what is taken, and the one line that each mistake is answered with."""

import pytest
from retuned.daemon.campaign.prepare import training_order
from retuned.daemon.config.measure import changes_of_measure
from retuned.daemon.config.model_file import ModelFile, load_model_file
from retuned.daemon.training.leg_order import MetricSource
from retuned.strategies.errors import InputError

MODEL = """\
name = "rides"
owner = "team"
[training]
command = ["python3", "train.py", "--lr={{lr}}"]
budget = {{epochs = 6}}
{training}
[objective]
metric = "val_loss"
direction = "minimize"
{objective}
[hyperparameters.lr]
type = "float"
low = 0.001
high = 1.0
value = 0.1
"""


def loaded(folder, objective="", training=""):
    path = folder / "model.toml"
    path.write_text(MODEL.format(objective=objective, training=training))
    return load_model_file(path)


@pytest.mark.parametrize(
    ("objective", "source"),
    [
        ("", None),
        (r"pattern = 'val_loss[=:] *(\S+)'", MetricSource(pattern=r"val_loss[=:] *(\S+)")),
        ('file = "out/metrics.json"\nkey = "eval.loss"', MetricSource(file="out/metrics.json", key="eval.loss")),
        ('file = "logs/metrics.csv"\ncolumn = "loss"', MetricSource(file="logs/metrics.csv", column="loss")),
        (
            'file = "logs/metrics.csv"\ncolumn = "loss"\nstep = "epoch"',
            MetricSource(file="logs/metrics.csv", column="loss", step="epoch"),
        ),
        ('file = "{tmp}/log"\ncolumn = "loss"', MetricSource(file="{tmp}/log", column="loss")),
    ],
)
def test_where_the_metric_is_found_reaches_the_workers_and_survives_storing(tmp_path, objective, source):
    model = loaded(tmp_path, objective)
    assert ModelFile.from_json(model.to_json()) == model
    assert training_order(model, "", 1, 0).source == source


def test_a_group_step_is_told_to_whoever_judges_the_end(tmp_path):
    assert loaded(tmp_path, r"pattern = 'epoch (?P<step>\d+).*loss=(\S+)'").objective().has_printed_steps
    assert loaded(tmp_path, "file = 'a.csv'\ncolumn = 'a'\nstep = 'b'").objective().has_printed_steps
    assert not loaded(tmp_path, r"pattern = 'loss=(\S+)'").objective().has_printed_steps


def test_scores_found_otherwise_are_measured_otherwise(tmp_path):
    before, after = loaded(tmp_path), loaded(tmp_path, r"pattern = 'loss=(\S+)'")
    assert changes_of_measure(before, after, (tmp_path, tmp_path)) == (r"source reports -> the pattern loss=(\S+)",)


# what stands in [objective], in [training], the key that the message names, a word of what it says
BAD = [
    ("pattern = 3", "", "objective.pattern is 3", "allowed: a regular expression"),
    ("pattern = ''", "", "objective.pattern matches an empty line", "for instance"),
    ("pattern = 'loss=(.+'", "", "objective.pattern is no regular expression: missing )", "for instance"),
    (r"pattern = 'loss=\S+'", "", "objective.pattern has no group for the number", "one group around the number"),
    (r"pattern = '(a|b)=(\S+)'", "", "objective.pattern has 2 groups", "(?P<value>...)"),
    (r"pattern = 'epoch (?P<step>\d+)'", "", "objective.pattern has no group for the number", "allowed"),
    (r"pattern = '(?P<step>\d+) (?P<step>\S+)'", "", "objective.pattern is no regular expression", "redefinition"),
    ("pattern = '(.*)'", "", "objective.pattern matches an empty line", "the words beside the number"),
    (r'pattern = "\bloss=([0-9.]+)"', "", "objective.pattern holds the control character", "in single quotes"),
    (r'pattern = "loss=(\S+)"', "", "not valid TOML", "in single quotes"),
    (f"pattern = '(x){'y' * 1000}'", "", "objective.pattern has 1003 characters", "allowed: 1000"),
    ("pattern = '(x)'\nfile = 'a.json'\nkey = 'a'", "", "objective has both pattern and file", "remove one"),
    ("key = 'eval.loss'", "", "objective.key stands there without a file", "add file"),
    ("column = 'loss'", "", "objective.column stands there without a file", "add file"),
    ("pattern = '(x)'\nkey = 'loss'", "", "objective.key stands there without a file", "add file"),
    ("file = 'a.json'", "", "objective has a file, but neither key nor column", "key for JSON"),
    ("file = 'a.log'\nkey = 'a'\ncolumn = 'b'", "", "objective has both key and column", "column for a table"),
    ("file = 'a.csv'\nkey = 'a'", "", "objective.key names a place in JSON", "'a.csv' is a table"),
    ("file = 'a.json'\ncolumn = 'a'", "", "objective.column names a place in a table", "'a.json' is JSON"),
    ("file = ''\nkey = 'a'", "", "objective.file is ''", "relative to workdir"),
    ("file = 'out/'\nkey = 'a'", "", "objective.file is 'out/', a folder", "for instance"),
    ("file = 5\nkey = 'a'", "", "objective.file is 5", "a file's path"),
    ("file = '{x'\nkey = 'a'", "", "objective.file has a bad placeholder", "{lr}"),
    ("file = '{tpm}/a.json'\nkey = 'a'", "", "objective.file has the unknown placeholder '{tpm}'", "mean '{tmp}'?"),
    ("file = 'a.json'\nkey = 'a..b'", "", "objective.key is 'a..b'", "names between dots"),
    ("file = 'a.csv'\ncolumn = ''", "", "objective.column is ''", "one line"),
    ("file = 'a.csv'\ncolumn = 'a'", "slots = 2", "objective.file is one file, which up to 2 trainings", "{tmp}"),
    ("step = 'epoch'", "", "objective.step stands there without a file", "add file"),
    ("pattern = '(x)'\nstep = 'epoch'", "", "objective.step stands there without a file", "(?P<step>...)"),
    ("file = 'a.json'\nkey = 'a'\nstep = 'b'", "", "objective.step is set, but 'a.json' is written anew", ".jsonl"),
    ("file = 'a.csv'\ncolumn = 'a'\nstep = 'a'", "", "objective.step is 'a', as the metric is", "place of the step"),
    ("file = 'a.csv'\ncolumn = 'a'\nstep = 5", "", "objective.step is 5", "allowed: a text"),
    ("patern = '(x)'", "", "[objective] has no key 'patern'", "did you mean 'pattern'?"),
]


@pytest.mark.parametrize(("objective", "training", "key", "word"), BAD)
def test_a_mistake_is_answered_with_one_line_that_names_the_key(tmp_path, objective, training, key, word):
    with pytest.raises(InputError) as refused:
        loaded(tmp_path, objective, training)
    sentence = str(refused.value)
    assert key in sentence
    assert word in sentence
    assert "\n" not in sentence


def test_a_recipe_reports_its_metrics_itself(tmp_path):
    path = tmp_path / "model.toml"
    text = MODEL.format(objective=r"pattern = 'loss=(\S+)'", training="")
    path.write_text(text.replace('command = ["python3", "train.py", "--lr={lr}"]', 'recipe = "recipe.py:Recipe"'))
    with pytest.raises(InputError, match=r"objective\.pattern is set, but a recipe reports its metrics itself"):
        load_model_file(path)
