"""Which files are a model's training code: those that its file names, and what these import from around them."""

import json
import sys

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.imported_files import MOST_FILE_BYTES, imported_files
from retuned.daemon.training.training_code import imported_code, read_code

TREE = {
    "train.py": "import json\n",
    "net.py": "",
    "blocks.py": "import net\n",
    "lib/__init__.py": "from .loss import mae\n",
    "lib/loss.py": "from ..net import x\nfrom . import masks\n",
    "lib/masks.py": "",
    "lib/unused.py": "",
    "plain/space.py": "",
    "src/ours/__init__.py": "",
    "src/ours/data.py": "",
    "json.txt": "",
}
SOURCES = [
    # (what the script says, what is its code beside it)
    ("import numpy, json", []),  # installed, or Python's own
    ("import net", ["net.py"]),
    ("import blocks", ["blocks.py", "net.py"]),  # through another
    ("import net\nimport net", ["net.py"]),
    ("import lib.loss", ["lib/__init__.py", "lib/loss.py", "lib/masks.py", "net.py"]),
    ("from lib import *", ["lib/__init__.py", "lib/loss.py", "lib/masks.py", "net.py"]),
    ("from lib import unused", ["lib/__init__.py", "lib/loss.py", "lib/masks.py", "lib/unused.py", "net.py"]),
    ("from plain.space import x", ["plain/space.py"]),  # a folder without __init__.py
    ("from ours import data", ["src/ours/__init__.py", "src/ours/data.py"]),  # installed from here, to be edited
    ("def f():\n    try:\n        import net\n    except ImportError:\n        pass", ["net.py"]),
    ("import importlib\nimportlib.import_module('net')", ["net.py"]),
    ("from importlib import import_module\nimport_module(name)", []),  # nobody knows
    ("import train", []),  # itself
    ("import net.missing, gone", ["net.py"]),
    ("print 'of Python 2'\nimport net", []),  # cannot be parsed
    ("x = '\\d'\nimport net", ["net.py"]),  # a warning of the owner's code is not shown
    ("\ufeffimport net", ["net.py"]),
    ("# -*- coding: latin-1 -*-\nimport net", ["net.py"]),
    ("from ....etc import passwd", []),  # above the folder
]


@pytest.fixture
def tree(tmp_path):
    for name, text in TREE.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "etc.py").write_text("")
    return tmp_path / "model"


def names(found, tree):
    return sorted(str(path.relative_to(tree)) for path in found)


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_what_a_script_imports_from_around_it_is_found(tree, source, expected, recwarn):
    (tree / "train.py").write_text(source)
    assert names(imported_files([tree / "train.py"], tree), tree) == expected
    assert not recwarn.list


def test_a_script_in_a_folder_of_its_own_finds_its_neighbours_before_those_of_workdir(tree):
    (tree / "jobs").mkdir()
    (tree / "jobs" / "train.py").write_text("import net, blocks")
    (tree / "jobs" / "net.py").write_text("")
    assert names(imported_files([tree / "jobs" / "train.py"], tree), tree) == ["blocks.py", "jobs/net.py"]


def test_modules_that_import_one_another_are_found_once(tree):
    (tree / "net.py").write_text("import blocks, train")
    (tree / "train.py").write_text("import blocks")
    assert names(imported_files([tree / "train.py"], tree), tree) == ["blocks.py", "net.py"]


def test_no_more_files_are_read_than_is_allowed_and_the_nearest_come_first(tree):
    (tree / "train.py").write_text("import blocks, lib")
    assert names(imported_files([tree / "train.py"], tree, most_files=2), tree) == ["blocks.py", "lib/__init__.py"]


def test_a_huge_file_counts_and_is_not_searched(tree):
    (tree / "train.py").write_text("import blocks")
    (tree / "blocks.py").write_text("import net\n" + "#" * MOST_FILE_BYTES)
    assert names(imported_files([tree / "train.py"], tree), tree) == ["blocks.py"]


def test_nothing_of_the_code_is_run(tree):
    (tree / "train.py").write_text("import net\nraise SystemExit")
    (tree / "net.py").write_text("open('ran', 'w').close()")
    assert names(imported_files([tree / "train.py"], tree), tree) == ["net.py"]
    assert not (tree / "ran").exists()


def model_of(tree, *words):
    path = tree / "model.toml"
    path.write_text(
        f'name = "m"\nowner = "t"\n[training]\ncommand = {json.dumps([sys.executable, *words, "{lr}"])}\n'
        'budget = {steps = 1}\n[objective]\nmetric = "loss"\ndirection = "minimize"\n'
        '[hyperparameters.lr]\ntype = "float"\nlow = 0.1\nhigh = 1.0\nvalue = 0.5\n'
    )
    return load_model_file(path)


RUN_AS_MODULES = [
    (["-m", "blocks"], ["blocks.py", "net.py"]),
    (["-m", "lib"], ["lib/__init__.py", "lib/__main__.py", "lib/loss.py", "lib/masks.py", "net.py"]),
    (["-m", "torch.distributed.run", "train.py"], ["net.py"]),
    (["-m", "{lr}"], []),
    (["-m"], []),
]


@pytest.mark.parametrize(("words", "expected"), RUN_AS_MODULES)
def test_a_module_that_the_command_runs_is_code_and_what_it_imports(tree, words, expected):
    (tree / "train.py").write_text("import net")
    (tree / "lib" / "__main__.py").write_text("")
    assert names(imported_code(model_of(tree, *words)), tree) == expected


def test_the_fingerprint_holds_what_is_imported_apart_from_what_is_named(tree):
    (tree / "train.py").write_text("import blocks")
    code = read_code(model_of(tree, "train.py"))
    assert [name for name, _ in code.files] == ["train.py"]
    assert [name for name, _ in code.imported] == ["blocks.py", "net.py"]
    (tree / "net.py").write_text("x = 1")
    changed = read_code(model_of(tree, "train.py"))
    assert changed.key() != code.key()
    assert changed.key_of_named() == code.key_of_named()
