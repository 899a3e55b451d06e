"""Fingerprints: what changes them, what does not, and how a change is told."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.daemon.training.fingerprints import code_fingerprint, data_fingerprint, environment_fingerprint
from retuned.strategies.drift.fingerprints import (
    CodeFingerprint,
    DataFingerprint,
    EnvironmentFingerprint,
    describe_change,
    is_same_code,
)
from retuned.strategies.errors import CampaignFailed

ENVIRONMENT = EnvironmentFingerprint(
    python="3.11.7",
    platform="Linux 6.1",
    machine="x86_64",
    cpu="Some CPU",
    cores=8,
    memory_bytes=16 * 2**30,
    packages=(("torch", "2.6.0"), ("numpy", "2.1.0")),
    gpus=("GPU A, 80 GiB, 550.1",),
)


def folder_with(root: Path, **contents: str) -> Path:
    root.mkdir(parents=True)
    for name, content in contents.items():
        (root / name).write_text(content)
    return root


def test_a_file_is_counted_in_bytes_and_lines(tmp_path):
    folder_with(tmp_path / "a", x="1\n2\n3")
    found = data_fingerprint([tmp_path / "a" / "x"])
    assert (found.files, found.bytes, found.rows) == (1, 5, 3)


def test_files_that_are_not_text_have_no_rows(tmp_path):
    (tmp_path / "x").write_bytes(b"\0\n\n")
    assert data_fingerprint([tmp_path / "x"]).rows is None


def test_the_same_content_elsewhere_has_the_same_fingerprint(tmp_path):
    one = folder_with(tmp_path / "a", x="1\n", y="2\n")
    other = folder_with(tmp_path / "b" / "c", y="2\n", x="1\n")
    assert data_fingerprint([one]) == data_fingerprint([other])
    assert data_fingerprint([one]) == data_fingerprint([one / "y", one / "x"])


CHANGES = [
    {"x": "1\n", "y": "3\n"},  # a value
    {"x": "1\n", "z": "2\n"},  # a name
    {"x": "1\n2\n", "y": ""},  # the same bytes, cut elsewhere
    {"x": "2\n", "y": "1\n"},  # the same files, exchanged
    {"x": "1\n", "y": "2\n", "z": ""},  # one more, empty
]


@pytest.mark.parametrize("contents", CHANGES)
def test_other_content_has_another_fingerprint(tmp_path, contents):
    one = folder_with(tmp_path / "a", x="1\n", y="2\n")
    assert data_fingerprint([one]).key() != data_fingerprint([folder_with(tmp_path / "b", **contents)]).key()


def test_links_are_followed_and_a_loop_of_links_ends(tmp_path):
    plain = folder_with(tmp_path / "a", x="1\n")
    linked = folder_with(tmp_path / "b")
    (linked / "loop").symlink_to(linked)
    (linked / "x").symlink_to(plain / "x")
    assert data_fingerprint([linked]) == data_fingerprint([plain])


def test_progress_is_shown_for_each_folder_and_each_piece_that_is_read(tmp_path):
    (tmp_path / "large").write_bytes(bytes(5 << 20))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "small").write_text("1")
    shown = []
    data_fingerprint([tmp_path], lambda: shown.append(1))
    assert len(shown) == 2 + 5 + 1


def test_a_named_pipe_does_not_hang_the_fingerprint(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CampaignFailed, match="no data found"):
        data_fingerprint([tmp_path / "pipe"])


def test_a_place_without_files_is_told(tmp_path):
    with pytest.raises(CampaignFailed, match="no data found at"):
        data_fingerprint([tmp_path])


@given(st.binary(max_size=300))
def test_lines_are_counted_as_python_counts_them(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("data") / "x"
    path.write_bytes(content)
    expected = None if b"\0" in content else len(content.split(b"\n")) - (content.endswith(b"\n") or not content)
    assert data_fingerprint([path]).rows == expected


def git(folder: Path, *words: str) -> str:
    options = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", "-C", folder, *options, *words], check=True, capture_output=True, text=True).stdout


def test_code_outside_a_repository_is_its_files(tmp_path):
    folder_with(tmp_path / "a", train="x = 1\n")
    found = code_fingerprint([tmp_path / "a" / "train"], tmp_path / "a")
    assert found.commit is None
    assert [name for name, _ in found.files] == ["train"]


def test_editing_the_code_changes_its_fingerprint(tmp_path):
    folder_with(tmp_path / "a", train="x = 1\n")
    before = code_fingerprint([tmp_path / "a" / "train"], tmp_path / "a")
    (tmp_path / "a" / "train").write_text("x = 2\n")
    assert code_fingerprint([tmp_path / "a" / "train"], tmp_path / "a").key() != before.key()


def test_a_commit_of_code_counts_and_one_of_settings_or_of_another_folder_does_not(tmp_path):
    git(tmp_path, "init", "-q")
    model = folder_with(tmp_path / "model", **{"train.py": "import steps\n", "steps.py": "x = 1\n"})
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    first = code_fingerprint([model / "train.py"], model)
    assert first.commit == git(tmp_path, "rev-parse", "HEAD").strip()
    (model / "settings.json").write_text("{}")
    folder_with(tmp_path / "other", **{"a.py": "x = 1\n"})
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "two")
    assert code_fingerprint([model / "train.py"], model) == first
    (model / "steps.py").write_text("x = 2\n")
    git(tmp_path, "commit", "-qam", "three")
    assert code_fingerprint([model / "train.py"], model).key() != first.key()


def test_the_environment_is_read_in_the_models_own_interpreter():
    found = environment_fingerprint(sys.executable, ["pydantic", "no-such-distribution"])
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert set(dict(found.packages)) == {"torch", "numpy", "pydantic"}
    assert found.cores >= 1
    assert found.memory_bytes > 2**20
    assert found.cpu


def test_an_interpreter_that_is_not_there_is_told():
    with pytest.raises(CampaignFailed, match="could not be asked"):
        environment_fingerprint("/no/such/python")


def test_a_program_that_is_no_interpreter_is_told():
    with pytest.raises(CampaignFailed, match="could not tell its versions"):
        environment_fingerprint("/bin/false")


CHANGED = [
    ({}, ""),
    ({"python": "3.12.1"}, "Python 3.11.7 -> 3.12.1"),
    ({"packages": (("torch", "2.13.0"), ("numpy", "2.1.0"))}, "torch 2.6.0 -> 2.13.0"),
    ({"packages": (("torch", "2.6.0"),)}, "numpy 2.1.0 is gone"),
    ({"packages": (*ENVIRONMENT.packages, ("scipy", "1.15"))}, "scipy 1.15 is new"),
    ({"gpus": ()}, "GPU GPU A, 80 GiB, 550.1 is gone"),
    ({"cores": 4, "memory_bytes": 8 * 2**30}, "cores 8 -> 4, memory 16 GiB -> 8 GiB"),
    ({"memory_bytes": 16 * 2**30 - 3_000_000}, ""),  # a kernel that keeps a little more for itself
]


@pytest.mark.parametrize(("change", "sentence"), CHANGED)
def test_a_change_of_the_environment_is_told_in_words(change, sentence):
    now = replace(ENVIRONMENT, **change)
    assert describe_change(ENVIRONMENT, now) == sentence
    assert (now.key() == ENVIRONMENT.key()) == (sentence == "")


def test_fingerprints_read_back_from_json_as_they_were():
    data, code = DataFingerprint(1, 2, None, "ab"), CodeFingerprint((("a.py", "12"),), None)
    assert DataFingerprint.from_json(data.to_json()) == data
    assert CodeFingerprint.from_json(code.to_json()) == code
    with_imports = replace(code, imported=(("net.py", "34"),))
    assert CodeFingerprint.from_json(with_imports.to_json()) == with_imports
    assert EnvironmentFingerprint.from_json(ENVIRONMENT.to_json()) == ENVIRONMENT


OLD, BARE, WITH_NET = (
    CodeFingerprint((("a.py", "12"),), None, imported) for imported in (None, (), (("net.py", "34"),))
)
PAIRS = [
    (OLD, WITH_NET, True),  # a record of an earlier version, which did not look at imports
    (OLD, replace(WITH_NET, files=(("a.py", "99"),)), False),
    (OLD, BARE, True),
    (BARE, WITH_NET, False),  # an import that is new
    (WITH_NET, replace(WITH_NET, imported=(("net.py", "99"),)), False),
    (WITH_NET, replace(WITH_NET, commit="1a2b"), False),
]


@pytest.mark.parametrize(("before", "now", "is_same"), PAIRS)
def test_code_is_compared_by_what_both_records_know(before, now, is_same):
    assert is_same_code(before, now) is is_same
    assert is_same_code(now, before) is is_same


def test_a_record_of_an_earlier_version_is_read_and_keeps_its_name():
    earlier = CodeFingerprint.from_json('{"files": [["a.py", "12"]], "commit": null}')
    assert earlier == OLD
    assert earlier.key() == BARE.key() == WITH_NET.key_of_named()
