"""[data.split]: what a good one becomes, and the one line that each bad one is answered with."""

from pathlib import Path

import pytest
from retuned.daemon.config.measure import changes_of_measure, measure_of
from retuned.daemon.config.model_file import ModelFile, load_model_file
from retuned.strategies.errors import InputError
from retuned.strategies.splits.partition import Shares

MODEL = """\
name = "rides"
owner = "team"
[training]
command = {command}
budget = {{steps = 100}}
[data]
path = "rides.csv"
{split}
[objective]
metric = "loss"
direction = "minimize"
[hyperparameters.{name}]
type = "float"
low = 0.001
high = 1.0
value = 0.1
"""
COMMAND = '["python3", "train.py", "{train}", "{eval}"]'


def loaded(folder: Path, split: str, command: str = COMMAND, name: str = "lr") -> ModelFile:
    path = folder / "model.toml"
    path.write_text(MODEL.format(split=split, command=command, name=name))
    return load_model_file(path)


def test_one_line_is_enough(tmp_path):
    split = loaded(tmp_path, 'split = {by = "rows"}').split
    assert split.shares(32) == Shares(development=0.1, held_out=0.4, slices=32, pairs=32)
    assert split.drawn_share(is_folder=False) is None


@pytest.mark.parametrize(
    ("split", "is_folder", "share"),
    [
        ('{by = "rows"}', True, 0.5),  # as much spread as a bootstrap has, and no file twice
        ('{by = "rows", draw = "bootstrap"}', True, None),
        ('{by = "rows", draw = 0.9}', False, 0.9),
        ('{by = "groups", column = "user", draw = 1}', False, 1.0),
        ('{by = "time", column = "day"}', False, 0.8),
    ],
)
def test_what_a_run_draws_of_the_training_rows(tmp_path, split, is_folder, share):
    assert loaded(tmp_path, f"split = {split}").split.drawn_share(is_folder=is_folder) == share


def test_a_registered_split_is_read_back(tmp_path):
    text = 'split = {by = "time", column = "day", gap = "2 days", slices = 40, held_out = 0.5}'
    file = loaded(tmp_path, text)
    assert ModelFile.from_json(file.to_json()) == file
    assert file.split.gap == "2 days"


def test_a_file_from_before_there_were_splits_is_the_same(tmp_path):
    file = loaded(tmp_path, "", '["python3", "train.py"]')
    assert '"split":' not in file.to_json()
    assert measure_of(file)["split"] == "none"


def test_scores_of_another_split_are_not_compared(tmp_path):
    before, now = (loaded(tmp_path, f"split = {{by = 'rows', held_out = {share}}}") for share in (0.4, 0.5))
    (change,) = changes_of_measure(before, now, (tmp_path, tmp_path))
    assert change.startswith("split by rows 0.1 development, 0.4 held out -> by rows")


# what is written as the split, the key that the message names, a word of what it says
BAD = [
    ("{}", "data.split.by is missing", "add it"),
    ('{by = "row"}', "data.split.by is 'row'", "'rows', 'groups' or 'time'"),
    ('{by = "rows", colunm = "x"}', "[data.split] has no key 'colunm'", "did you mean 'column'?"),
    ('{by = "rows", column = "x"}', "data.split.column is 'x' with by = 'rows'", "'groups' or 'time'"),
    ('{by = "groups"}', "data.split.column is missing", "such as customer or patient"),
    ('{by = "groups", column = ""}', "data.split.column is ''", "not empty"),
    ('{by = "time"}', "data.split.column is missing", "the time of each row"),
    ('{by = "groups", column = "x", gap = "1d"}', "data.split.gap is '1d' with by = 'groups'", "remove it"),
    ('{by = "time", column = "x", gap = "soon"}', "data.split.gap is 'soon'", "'1d'"),
    ('{by = "time", column = "x", gap = -1}', "data.split.gap is -1", "a number"),
    ('{by = "time", column = "x", gap = true}', "data.split.gap is true", "a number"),
    ('{by = "time", column = "x", draw = "bootstrap"}', "data.split.draw is 'bootstrap'", "omit the key"),
    ('{by = "rows", draw = "half"}', "data.split.draw is 'half'", "0.8"),
    ('{by = "rows", draw = 0}', "data.split.draw is 0", "above 0"),
    ('{by = "rows", held_out = 40}', "data.split.held_out is 40", "between 0 and 1"),
    ('{by = "rows", development = 0}', "data.split.development is 0", "between 0 and 1"),
    ('{by = "rows", development = nan}', "data.split.development is nan", "between 0 and 1"),
    ('{by = "rows", development = 0.6, held_out = 0.5}', "data.split has development 0.6", "together 1.1"),
    ('{by = "rows", slices = 0}', "data.split.slices is 0", "from 4 to 4096"),
    ('{by = "rows", slices = 32.0}', "data.split.slices is 32.0", "a whole number"),
    ('{by = "rows", slices = 16}', "data.split.slices is 16, fewer than the 32 pairs", "max_pairs = 16"),
    ('{by = "rows", slices = 5000}', "data.split.slices is 5000", "from 4 to 4096"),
    ('{by = "rows", list = "/labels.csv"}', "data.split.list is '/labels.csv'", "inside the data's folder"),
    ('{by = "rows", list = "../labels.csv"}', "data.split.list is '../labels.csv'", "inside the data's folder"),
    ('{by = "rows", file_column = "name"}', "data.split.file_column is set without list", "name the list too"),
    ('"rows"', "data.split is 'rows'", "a table"),
]


@pytest.mark.parametrize(("split", "key", "says"), BAD)
def test_a_bad_split_is_refused_in_one_line(tmp_path, split, key, says):
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, f"split = {split}")
    message = str(caught.value)
    assert key in message
    assert says in message
    assert "\n" not in message


def test_a_placeholder_of_a_split_needs_one(tmp_path):
    with pytest.raises(InputError, match=r"unknown placeholder '\{eval\}'.*add split = \{by = 'rows'\} under \[data\]"):
        loaded(tmp_path, "")


def test_a_hyperparameter_may_be_called_train_where_there_is_no_split(tmp_path):
    assert "train" in loaded(tmp_path, "", '["python3", "{train}"]', "train").hyperparameters
    with pytest.raises(InputError, match=r"hyperparameters.train has a name that retuned reserves"):
        loaded(tmp_path, 'split = {by = "rows"}', name="train")


def test_a_recipe_cuts_its_rows_itself(tmp_path):
    path = tmp_path / "model.toml"
    text = MODEL.format(split='split = {by = "rows"}', command="[]", name="lr")
    path.write_text(text.replace("command = []", 'recipe = "recipe.py:Recipe"'))
    with pytest.raises(InputError, match=r"data\.split is there, and the model is a recipe"):
        load_model_file(path)
