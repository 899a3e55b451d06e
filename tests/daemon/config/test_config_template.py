"""A program's own configuration file with values put in; the rest stays, and what cannot be used is told in a line."""

import json
import tomllib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.config.config_template import LARGEST_BYTES, ConfigTemplate, read_template
from retuned.strategies.errors import InputError

YAML = """\
# a comment
seed: 3
when: 2024-01-05
on: yes
octal: 0o17
rate: 1e-3
quoted: "1e-3"
base: &base {lr: 0.1, wd: 0}
optimizer:
  <<: *base
  wd: 0.5
other: *base
model: !include model.yaml
layers:
- {size: 8, act: relu}
- {size: 16, act: relu}
paths: {data.dir: /tmp/x, out: ./out}
"""


def filled(suffix, text, **values):
    places = tuple((f"h{number}", place.replace("__", ".")) for number, place in enumerate(values))
    by_name = {name: value for (name, _), value in zip(places, values.values(), strict=True)}
    return ConfigTemplate(suffix, text, places).filled(by_name)


def plain(text):
    """YAML as its reader sees it, but for the tags of a program of its own."""
    return yaml.safe_load(text.replace("!include", "!!str"))


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"seed": 7}, {"seed": 7}),
        ({"optimizer__wd": 1e-5}, {"optimizer": {"lr": 0.1, "wd": 1e-5}}),
        ({"optimizer__lr": 0.3}, {"optimizer": {"lr": 0.3, "wd": 0.5}}),  # merged in: `base` keeps its own
        ({"base__lr": 0.3}, {"base": {"lr": 0.3, "wd": 0}}),  # and so do its aliases
        ({"layers__1__size": 32}, {"layers": [{"size": 8, "act": "relu"}, {"size": 32, "act": "relu"}]}),
        ({"layers__0__act": "no"}, {"layers": [{"size": 8, "act": "no"}, {"size": 16, "act": "relu"}]}),
        ({"quoted": True}, {"quoted": True}),
        ({"paths__data__dir": "/y: z"}, {"paths": {"data.dir": "/y: z", "out": "./out"}}),  # a key that has a dot
    ],
)
def test_a_value_is_put_into_yaml_at_its_place_and_nothing_else_changes(values, changes):
    assert plain(filled(".yaml", YAML, **values)) == plain(YAML) | changes


def test_what_only_the_programs_reader_understands_is_written_as_it_was():
    text = filled(".yml", YAML, seed=7)
    assert "model: !include 'model.yaml'" in text or "model: !include model.yaml" in text
    for line in ("seed: 7", "when: 2024-01-05", "on: yes", "octal: 0o17", "rate: 1e-3"):
        assert line in text.splitlines()


def test_a_small_number_is_one_for_every_reader_of_yaml():
    assert filled(".yaml", "lr: 1", lr=1e-5) == "lr: 1.0e-05\n"  # YAML 1.1 reads 1e-05 as a text


def test_json_and_toml_keep_their_order_and_toml_its_comments():
    text = filled(".json", '{"b": 1, "a": {"lr": 0.1}}', a__lr=0.3)
    assert list(json.loads(text).items()) == [("b", 1), ("a", {"lr": 0.3})]
    text = filled(".toml", "b = 1 # first\n[a]\nlr = 0.1 # rate\nbetas = [0.9, 0.99]\n", a__lr=0.3, a__betas__1=0.5)
    assert tomllib.loads(text) == {"b": 1, "a": {"lr": 0.3, "betas": [0.9, 0.5]}}
    assert "# first" in text
    assert "# rate" in text


def test_a_hyperparameter_without_a_value_leaves_that_of_the_file():
    assert json.loads(ConfigTemplate(".json", '{"a": 1}', (("h", "a"),)).filled({})) == {"a": 1}


SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20)
)


@given(SCALARS)
def test_every_value_reads_back_as_itself(value):
    assert json.loads(filled(".json", '{"a": 1}', a=value))["a"] == value
    if isinstance(value, str) and not value.isprintable():
        return
    assert yaml.safe_load(filled(".yaml", "a: 1\nb: 2\n", a=value)) == {"a": value, "b": 2}
    assert tomllib.loads(filled(".toml", "a = 1\nb = 2\n", a=value)) == {"a": value, "b": 2}


# name and content of the file, the place, words of the message
BAD = [
    ("c.yaml", None, "lr", ("training.write: ", "cannot be read: No such file")),
    ("c.yaml", b"\xff\xfe\x00", "lr", ("is not UTF-8 text", "save it as UTF-8")),
    ("c.yaml", b"a: [1", "lr", ("is not valid YAML: line 1:", "correct it")),
    ("c.yaml", b"a: 1\n---\nb: 2\n", "a", ("is not valid YAML", "line 2")),
    ("c.yaml", b"# nothing\n", "lr", ("it holds nothing",)),
    ("c.yaml", b"[" * 1000, "lr", ("is not valid YAML",)),
    ("c.json", b"{'a': 1}", "lr", ("is not valid JSON: Expecting property name",)),
    ("c.json", b"[" * 100_000, "lr", ("is not valid JSON",)),
    ("c.toml", b"a = \n", "lr", ("is not valid TOML",)),
    ("c.yaml", b"#" * (LARGEST_BYTES + 1), "lr", ("is larger than 256 KiB",)),
    (
        "c.yaml",
        b"optimizer: {rate: 1}",
        "optimizer.lr",
        ("'optimizer.lr': optimizer has rate", "hyperparameters.h.place"),
    ),
    (
        "c.yaml",
        b"optimiser: {lr: 1}",
        "optimizer.lr",
        ("the file has optimiser", "did you mean 'optimiser.lr'?"),
    ),
    ("c.json", b'{"lrr": 1}', "lr", ("the file has lrr", "did you mean 'lrr'?")),
    ("c.json", b"{}", "lr", ("the file has nothing",)),
    ("c.yaml", b"lr: {a: 1}", "lr", ("it is a table there",)),
    ("c.yaml", b"lr: [1]", "lr", ("it is a list there",)),
    ("c.yaml", b"lr: [1]", "lr.1", ("lr is a list of 1",)),
    ("c.yaml", b"lr: 1", "lr.a", ("lr is a value",)),
    ("c.json", b"3", "lr", ("the file is a value",)),
]


@pytest.mark.parametrize(("name", "content", "place", "words"), BAD)
def test_a_file_that_cannot_be_used_is_told_in_one_line(tmp_path, name, content, place, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_template(path, {"h": place})
    sentence = str(refused.value)
    assert [word for word in words if word not in sentence] == []
    assert "\n" not in sentence
    assert len(sentence) < 600
