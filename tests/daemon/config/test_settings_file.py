"""The settings file: what a change of the settings writes into it, and what it leaves alone."""

import json

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from retuned.daemon.config.edited_text import CannotEdit, edited
from retuned.daemon.config.settings_file import write_settings
from retuned.strategies.errors import InputError

NAMES = ("optimizer", "momentum", "lr")
FILES = [
    ("s.json", '{"momentum": 0.9, "optimizer": "sgd", "other": 1}'),
    ("s.toml", '# rates\nmomentum = 0.9\noptimizer = "sgd"\nother = 1\n'),
]


@pytest.mark.parametrize(("name", "text"), FILES)
def test_a_hyperparameter_that_is_switched_off_leaves_the_file(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    write_settings(path, {"optimizer": "adamw", "lr": 0.1}, NAMES)
    assert "momentum" not in path.read_text()
    assert "adamw" in path.read_text()
    assert "other" in path.read_text()


def test_a_key_that_is_no_hyperparameter_stays_whatever_its_name(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"momentum_schedule": "cosine", "lr": 1}')
    write_settings(path, {"optimizer": "adamw", "lr": 0.1}, NAMES)
    assert json.loads(path.read_text()) == {"momentum_schedule": "cosine", "lr": 0.1, "optimizer": "adamw"}


def test_a_byte_order_mark_is_no_obstacle(tmp_path):
    path = tmp_path / "s.json"
    path.write_bytes(b'\xef\xbb\xbf{"lr": 1}')
    write_settings(path, {"lr": 0.1}, NAMES)
    assert json.loads(path.read_text()) == {"lr": 0.1}


KEYS = {"lr": "optimizer.lr", "momentum": "optimizer.momentum"}
HYDRA = """\
# the service's own file
defaults:
    - override /db: postgres   # odd indentation
optimizer:   # tuned by retuned
    name:  'sgd'
    lr:   1e-2    # the rate
    momentum: 0.9

seeds: [1,2,   3]
off: off
"""


@pytest.mark.parametrize(
    ("text", "configuration", "written"),
    [
        # values are replaced where they stand: comments, quotes, odd spaces and `off` stay
        (
            HYDRA,
            {"lr": 0.005, "momentum": 0.95},
            HYDRA.replace("1e-2", "0.005").replace("momentum: 0.9", "momentum: 0.95"),
        ),
        # a float that YAML 1.1 would take for a text is written so that it is a number
        (HYDRA, {"lr": 1e-05, "momentum": 0.9}, HYDRA.replace("1e-2", "1.0e-05")),
        # what is switched off leaves with its line
        (HYDRA, {"lr": 0.01}, HYDRA.replace("1e-2", "0.01").replace("    momentum: 0.9\n", "")),
        # what is new stands below its neighbours, as they stand
        (
            "optimizer:\n  lr: 1 # rate\nlast: 1\n",
            {"lr": 2, "momentum": 0.5},
            "optimizer:\n  lr: 2 # rate\n  momentum: 0.5\nlast: 1\n",
        ),
        ("optimizer: {lr: 1}\n", {"lr": 2, "momentum": 0.5}, "optimizer: {lr: 2, momentum: 0.5}\n"),
        ("optimizer: {lr: 1, momentum: 3} # x\n", {"lr": 2}, "optimizer: {lr: 2} # x\n"),
        ("optimizer:\r\n  lr: 1\r\nx: 1\r\n", {"lr": 3}, "optimizer:\r\n  lr: 3\r\nx: 1\r\n"),
        # a schedule takes the place of a list in lines of its own
        ("optimizer:\n  lr:\n    - [0, 1]\n    - [5, 2]\n  momentum: 1\n", {"lr": ((0, 0.5), (9, 0.1)), "momentum": 1},
         "optimizer:\n  lr: [[0, 0.5], [9, 0.1]]\n  momentum: 1\n"),
        # a file with comments alone gets all of it
        ("# ours\n", {"lr": 1, "momentum": 2}, "# ours\noptimizer:\n  lr: 1\n  momentum: 2\n"),
        ("", {"lr": 1}, "optimizer:\n  lr: 1\n"),
    ],
)  # fmt: skip
def test_a_yaml_file_changes_at_its_places_alone(tmp_path, text, configuration, written):
    path = tmp_path / "s.yaml"
    path.write_bytes(text.encode())
    write_settings(path, configuration, ("lr", "momentum"), KEYS)
    assert path.read_bytes().decode() == written


@pytest.mark.parametrize(
    ("name", "text", "written"),
    [
        ("s.json", '{"a": [1,2],\n "optimizer": {"lr": 1,"x":0}}', '{"a": [1,2],\n "optimizer": {"lr": 0.5,"x":0}}'),
        # tabs are no YAML: such a file is written anew
        ("s.json", '{\n\t"optimizer": {\n\t\t"lr": 1}}', '{\n  "optimizer": {\n    "lr": 0.5\n  }\n}\n'),
        ("s.toml", "[optimizer]\nlr = 1 # rate\n\n[x]\ny=2\n", "[optimizer]\nlr = 0.5 # rate\n\n[x]\ny=2\n"),
        ("s.toml", "optimizer.lr = 1\nx = 2\n", "optimizer.lr = 0.5\nx = 2\n"),
        ("s.toml", "", "[optimizer]\nlr = 0.5\n"),
        # a key that has a dot itself
        ("s.json", '{"optimizer.lr": 1}', '{"optimizer.lr": 0.5}'),
    ],
)  # fmt: skip
def test_a_dotted_place_is_found_in_every_format(tmp_path, name, text, written):
    path = tmp_path / name
    path.write_text(text)
    write_settings(path, {"lr": 0.5}, ("lr",), KEYS)
    assert path.read_text() == written


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optimiser:\n  lr: 1\n", "did you mean 'optimiser.lr'?"),  # a misspelt table is not made
        ("optimizer: adam\n", "optimizer is a value"),
        ("base: &b 1\noptimizer: {lr: *b}\n", "alias"),  # the anchored value belongs to others, too
        ("optimizer: {lr: &b 1}\nother: *b\n", "anchor"),
        ("optimizer: !ours {lr: 1}\n", "cannot be read"),
        ("- 1\n", "holds no table"),
        ("optimizer: [", "cannot be read"),
        ("a: 1\n---\nb: 2\n", "cannot be read"),  # two documents
    ],
)
def test_a_yaml_file_without_room_is_refused_and_stays(tmp_path, text, words):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        write_settings(path, {"lr": 0.5}, ("lr",), KEYS)
    assert words in str(refused.value)
    assert path.read_text() == text


KEY = st.text("abcdefgh_-.'\"#: ", min_size=1, max_size=6)
LEAF = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12), st.booleans())
NODE = st.recursive(LEAF, lambda t: st.dictionaries(KEY, t, max_size=3) | st.lists(t, max_size=3), max_leaves=8)
TREE = st.dictionaries(KEY, NODE, max_size=4)


@settings(max_examples=60)
@example(tree={}, value="0}", flow=None)
@example(tree={}, value="a, b", flow=True)
@example(tree={}, value="\x85", flow=None)
@example(tree={}, value="a\u2028 b\r\nc\n", flow=False)
@given(tree=TREE, value=LEAF, flow=st.sampled_from([None, False, True]))
def test_whatever_else_is_in_a_file_reads_as_before(tree, value, flow):
    tree["optimizer"] = {"x": 1, "lr": 0.1}
    text = yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False)
    try:
        changed = edited(text, {("optimizer", "lr"): value, ("optimizer", "new"): value}, is_json=False)
    except CannotEdit:
        return
    tree["optimizer"] |= {"lr": value, "new": value}
    assert yaml.safe_load(changed) == tree
