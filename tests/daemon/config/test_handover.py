"""How values reach a command: what is taken, and the one line that each mistake is answered with."""

import pytest
import yaml
from retuned.daemon.campaign.prepare import training_order
from retuned.daemon.config.config_template import ConfigTemplate
from retuned.daemon.config.model_file import ModelFile, load_model_file
from retuned.daemon.config.model_paths import check_paths
from retuned.strategies.errors import CampaignFailed, InputError

MODEL = """\
name = "rides"
owner = "team"
[training]
command = {command}
budget = {{epochs = 6}}
{training}
[objective]
metric = "val_loss"
direction = "minimize"
[hyperparameters.lr]
type = "float"
low = 0.001
high = 1.0
value = 0.1
{lr}
[hyperparameters.nesterov]
type = "bool"
value = true
{nesterov}
"""
CONFIG = "optimizer: {lr: 0.1, nesterov: true}\nlr: 3\n"


def loaded(folder, command='["python3", "train.py", "{config}"]', training="", lr="", nesterov=""):
    path = folder / "model.toml"
    path.write_text(MODEL.format(command=command, training=training, lr=lr, nesterov=nesterov))
    return load_model_file(path)


PLACED = {
    "training": 'write = "config.yaml"',
    "lr": 'place = "optimizer.lr"',
    "nesterov": 'place = "optimizer.nesterov"',
}


def test_the_configuration_file_reaches_the_workers_with_its_places_and_survives_storing(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    model = loaded(tmp_path, **PLACED)
    check_paths(model)
    assert ModelFile.from_json(model.to_json()) == model
    places = (("lr", "optimizer.lr"), ("nesterov", "optimizer.nesterov"))
    assert training_order(model, "", 1, 0).template == ConfigTemplate(".yaml", CONFIG, places)


def test_seeds_and_paths_are_put_into_the_file_too_with_their_types(tmp_path):
    values = 'values = {seed = "{seed}", "data.train" = "{data}/train.csv", literal = "{{x}}"}'
    (tmp_path / "config.yaml").write_text(CONFIG + "seed: 1\ndata: {train: a.csv}\nliteral: y\n")
    model = loaded(tmp_path, **PLACED | {"training": f'write = "config.yaml"\n{values}'})
    check_paths(model)
    template = training_order(model, "", 1, 0).template
    filled = yaml.safe_load(template.filled({"lr": 0.3, "nesterov": False, "seed": 7, "data": "/d"}))
    optimizer = {"lr": 0.3, "nesterov": False}
    assert filled == {
        "optimizer": optimizer, "lr": 3, "seed": 7, "data": {"train": "/d/train.csv"}, "literal": "{x}",
    }  # fmt: skip


def test_a_changed_configuration_file_is_changed_code(tmp_path):
    (tmp_path / "train.py").write_text("")
    model = loaded(tmp_path, **PLACED)
    assert model.code_files() == (tmp_path / "train.py", tmp_path / "config.yaml")


def test_a_hyperparameter_of_the_command_needs_no_place(tmp_path):
    command = '["python3", "train.py", "{config}", "{nesterov:--nesterov}"]'
    model = loaded(tmp_path, command, 'write = "config.yaml"')
    assert model.places == {"lr": "lr"}


def test_the_file_counts_from_workdir(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "config.yaml").write_text(CONFIG)
    model = loaded(tmp_path, **PLACED | {"training": 'write = "config.yaml"\nworkdir = "src"'})
    check_paths(model)


def test_a_file_that_has_gone_ends_the_campaign_with_a_sentence(tmp_path):
    with pytest.raises(CampaignFailed, match=r"config\.yaml cannot be read: No such file"):
        training_order(loaded(tmp_path, **PLACED), "", 1, 0)


@pytest.mark.parametrize("name", ["config", "tmp"])
def test_names_that_were_free_before_stay_free_for_hyperparameters(tmp_path, name):
    path = tmp_path / "model.toml"
    text = MODEL.format(command=f'["python3", "{{{name}}}"]', training="", lr="", nesterov="")
    path.write_text(text.replace("hyperparameters.lr", f"hyperparameters.{name}"))
    assert name in load_model_file(path).hyperparameters


PYTHON = '["python3", "train.py", '
# what is changed, the key that the message names, a word of what it says
BAD = [
    ({"training": "write = 3"}, "training.write is 3", "ends in .json, .yaml"),
    ({"training": 'write = ""'}, "training.write is ''", "for instance"),
    ({"training": 'write = "config.ini"'}, "training.write is 'config.ini'", ".toml"),
    ({"training": 'write = "config"'}, "training.write is 'config'", "rename it"),
    ({}, "training.command has the unknown placeholder '{config}'", "write = ... under [training]"),
    ({**PLACED, "training": ""}, "training.command has the unknown placeholder '{config}'", "write = ..."),
    (
        {"command": PYTHON + '"{lr}"]', "lr": 'place = "a"'},
        "hyperparameters.lr.place stands there without a file",
        'add write = "config.yaml"',
    ),
    (PLACED | {"lr": "place = 3"}, "hyperparameters.lr.place is 3", "names between dots"),
    (PLACED | {"lr": 'place = "a..b"'}, "hyperparameters.lr.place is 'a..b'", "optimizer.lr"),
    (PLACED | {"lr": 'place = ""'}, "hyperparameters.lr.place is ''", "names between dots"),
    (PLACED | {"lr": 'place = "optimizer.nesterov"'}, "where lr is put, too", "a place each"),
    (
        {"training": 'write = "c.yaml"', "command": PYTHON + '"{lr}", "{nesterov}", "{config}"]'},
        "training.write gets no value",
        "remove it",
    ),
    ({"training": 'values = {a = "b"}', "command": '["python3"]'}, "training.values stands there without", "write ="),
    (PLACED | {"training": 'write = "c.yaml"\nvalues = {seed = "{sed}"}'}, "training.values.seed has the", "'{seed}'?"),
    (PLACED | {"training": 'write = "c.yaml"\nvalues = {seed = "{"}'}, "training.values.seed has a bad", "lone {"),
    (PLACED | {"training": 'write = "c.yaml"\nvalues = {seed = 3}'}, "training.values.seed is 3", "a text"),
    (PLACED | {"training": 'write = "c.yaml"\nvalues = {"a..b" = "x"}'}, "training.values.", "names between dots"),
    (
        PLACED | {"training": 'write = "c.yaml"\nvalues = {"optimizer.lr" = "x"}'},
        "hyperparameters.lr.place is 'optimizer.lr', which training.values sets, too",
        "remove one",
    ),
    ({"command": PYTHON + '"{lr:--lr}"]'}, "has the placeholder '{lr:--lr}', but lr is of type float", "write {lr}"),
    ({"command": PYTHON + '"{seed:1|0}"]'}, "'{seed:1|0}', but seed is no hyperparameter", "write {seed}"),
    ({"command": PYTHON + '"{nesterov:}"]'}, "training.command has the placeholder '{nesterov:}'", "{nesterov:1|0}"),
    ({"command": PYTHON + '"{nesterov:a|b|c}"]'}, "the placeholder '{nesterov:a|b|c}'", "TRUE|FALSE"),
    ({"command": PYTHON + '"{nestrov:--n}"]'}, "unknown placeholder '{nestrov}'", "did you mean '{nesterov}'?"),
]


@pytest.mark.parametrize(("changes", "key", "word"), BAD)
def test_a_mistake_is_answered_with_one_line_that_names_the_key(tmp_path, changes, key, word):
    with pytest.raises(InputError) as refused:
        loaded(tmp_path, **changes)
    sentence = str(refused.value)
    assert key in sentence
    assert word in sentence
    assert "\n" not in sentence


def test_a_hyperparameter_called_config_and_a_configuration_file_exclude_each_other(tmp_path):
    path = tmp_path / "model.toml"
    text = MODEL.format(command='["python3", "{config}"]', **PLACED)
    path.write_text(text.replace("hyperparameters.lr", "hyperparameters.config"))
    with pytest.raises(InputError, match=r"hyperparameters\.config has a name that retuned reserves"):
        load_model_file(path)


def test_a_recipe_gets_its_values_as_arguments(tmp_path):
    path = tmp_path / "model.toml"
    text = MODEL.format(command="[]", **PLACED)
    path.write_text(text.replace("command = []", 'recipe = "recipe.py:Recipe"'))
    with pytest.raises(InputError, match=r"training\.write is set, but a recipe gets its values as arguments"):
        load_model_file(path)


# what stands in the file, and a word of what is said at registration
BAD_FILES = [
    (None, "cannot be read"),
    ("a: [", "is not valid YAML"),
    ("optimizer: {nesterov: true}", "config.yaml has no value at 'optimizer.lr': optimizer has nesterov"),
    (CONFIG, "training.values: config.yaml has no value at 'seed'"),
    ("optimizer: {lr: {value: 1}, nesterov: true}", "it is a table there"),
]


@pytest.mark.parametrize(("content", "word"), BAD_FILES)
def test_a_file_that_does_not_fit_is_told_at_registration_and_nothing_is_written(retuned, tmp_path, content, word):
    (tmp_path / "train.py").write_text("")
    loaded(tmp_path, **PLACED | {"training": 'write = "config.yaml"\nvalues = {seed = "{seed}"}'})
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    done = retuned("register", tmp_path / "model.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "state").exists()
