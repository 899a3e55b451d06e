"""The settings file: what a change of the settings writes into it, and what it leaves alone."""

import json

import pytest
from retuned.daemon.config.settings_file import write_settings

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
