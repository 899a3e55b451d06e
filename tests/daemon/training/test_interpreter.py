"""The Python that trains a command is found where it can be, and said to be unknown where it cannot."""

import os
import sys
from pathlib import Path

import pytest
from retuned.daemon.campaign.prepare import prepare
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.training.fingerprints import command_environment
from retuned.daemon.training.interpreter import environment_of, find_interpreter, interpreter_notes
from retuned.strategies.drift.fingerprints import UNKNOWN, EnvironmentFingerprint, compared_parts, describe_change

LAUNCHER = """#!/bin/sh
# what uv and conda do: make an environment known and run the command in it
while [ $# -gt 0 ]; do
    case "$1" in
        run) ;;
        -n | --with | --python) shift ;;
        --) ;;
        -*) ;;
        *) break ;;
    esac
    shift
done
PATH=HERE/environment/bin:$PATH exec "$@"
"""


class Place:
    """A folder with programs on a PATH of its own, and an environment that only a launcher knows."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = folder / "programs"
        self.inner = folder / "environment" / "bin"
        for place in (self.programs, self.inner):
            place.mkdir(parents=True)
            for name in ("python", "python3", "python3.11"):
                (place / name).symlink_to(sys.executable)
        self.owners = folder / "owners" / "python"
        self.owners.parent.mkdir()
        self.owners.symlink_to(sys.executable)
        for name in ("uv", "conda"):
            self.program(self.programs / name, LAUNCHER.replace("HERE", str(folder)))
        (folder / "train.py").write_text("print(1)\n")

    def program(self, path, text):
        path.write_text(text)
        path.chmod(0o755)
        return path

    def training(self, *command, python=None):
        words = ", ".join(f'"{word}"' for word in command)
        text = f'name = "toy"\nowner = "me"\n[training]\ncommand = [{words}]\nbudget = {{epochs = 4}}\n'
        text += f'python = "{python}"\n' if python else ""
        text += '[objective]\nmetric = "loss"\ndirection = "minimize"\n'
        text += '[hyperparameters.lr]\ntype = "float"\nlow = 0.1\nhigh = 1.0\nvalue = 0.5\n'
        path = self.folder / "model.toml"
        path.write_text(text)
        return load_model_file(path).training

    def found(self, *command, python=None):
        environ = {"PATH": f"{self.programs}:/usr/bin:/bin"}
        path = find_interpreter(self.training(*command, python=python), environ)
        return None if path is None else str(path).replace(str(self.folder), "@")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["python", "train.py"], "@/programs/python"),  # the PATH's
        (["python3.11", "-u", "train.py"], "@/programs/python3.11"),
        (["./environment/bin/python", "train.py"], "@/environment/bin/python"),  # its own
        (["env", "-u", "X", "A=1", "python3", "train.py"], "@/programs/python3"),
        (["nice", "-n", "5", "python", "train.py"], "@/programs/python"),
        (["uv", "run", "train.py"], "@/environment/bin/python"),
        (["uv", "run", "--with", "torch", "python", "train.py"], "@/environment/bin/python"),
        (["uv", "run", "-m", "train"], "@/environment/bin/python"),
        (["conda", "run", "-n", "prod", "--no-capture-output", "python", "train.py"], "@/environment/bin/python"),
        (["sh", "-c", "python train.py"], None),  # a shell may start anything
        (["/bin/true"], None),
        (["{lr}"], None),
        (["nothing-of-this-name"], None),
        (["mamba", "run", "-n", "prod", "python", "train.py"], None),  # a launcher that is not there
    ],
)
def test_the_interpreter_of_a_command_is_found_or_unknown(place, command, found):
    assert place.found(*command) == found


@pytest.mark.parametrize(
    ("first_lines", "found"),
    [
        ("#!@/environment/bin/python\n", "@/environment/bin/python"),
        ("#! @/environment/bin/python -u\n", "@/environment/bin/python"),  # a space, and an argument
        ("#!/usr/bin/env python3\n", "@/programs/python3"),
        ("#!/usr/bin/env -S uv run\n", None),  # it runs the script itself
        ("#!/usr/bin/env -S python3 -u\n", "@/programs/python3"),
        ('#!/bin/sh\n\'\'\'exec\' "@/environment/bin/python" "$0" "$@"\n', "@/environment/bin/python"),  # pip's
        ("#!/bin/sh\nexec python train.py\n", None),
        ("", None),  # no script at all
    ],
)
def test_the_interpreter_behind_a_shebang_is_found_or_unknown(place, first_lines, found):
    place.program(place.folder / "tool", first_lines.replace("@", str(place.folder)) + "print(1)\n")
    assert place.found("./tool") == found


def test_a_tool_that_a_launcher_finds_in_its_environment_is_looked_into(place):
    place.program(place.inner / "trainer", f"#!{place.inner}/python3\n")
    place.program(place.inner / "binary", "\x7fELF")
    assert place.found("uv", "run", "trainer", "--lr", "{lr}") == "@/environment/bin/python3"
    assert place.found("uv", "run", "binary") is None


def test_a_script_with_requirements_of_its_own_is_unknown(place):
    (place.folder / "train.py").write_text('# /// script\n# dependencies = ["torch"]\n# ///\n')
    assert place.found("uv", "run", "train.py") is None


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["python", "train.py"], "@/owners/python"),  # replaces a bare python
        (["python3", "train.py"], "@/owners/python"),
        (["./environment/bin/python", "train.py"], "@/owners/python"),  # the owner's word; a note says what runs
        (["sh", "train.sh"], "@/owners/python"),  # the owner's word
    ],
)
def test_the_owners_word_for_the_interpreter_counts(place, command, found):
    assert place.found(*command, python="owners/python") == found


@pytest.mark.parametrize(
    ("command", "python", "said"),
    [
        (["python", "train.py"], None, None),
        (["python", "train.py"], "owners/python", None),
        (["sh", "train.sh"], "owners/python", None),
        (["sh", "train.sh"], None, "which Python trains this model is not known"),
        (["/usr/bin/env", "foreign/python", "train.py"], "owners/python", "the command starts"),
    ],
)
def test_an_interpreter_that_is_unknown_or_another_than_the_owners_is_told(place, command, python, said):
    other = place.folder / "foreign"
    other.mkdir()
    place.program(other / "python", "#!/bin/sh\n")
    notes = interpreter_notes(place.training(*command, python=python), {"PATH": f"{place.programs}:/usr/bin:/bin"})
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]


def test_a_bare_python_in_a_command_is_started_as_the_owners(place):
    assert place.training("python", "train.py", python="owners/python").argv == (str(place.owners), "train.py")
    assert place.training("python", "train.py").argv == ("python", "train.py")


def fingerprint(**changes):
    told = {"python": "3.11.7", "platform": "Linux 6", "machine": "x86_64", "cpu": "c", "cores": 2}
    told |= {"memory_bytes": 2**33, "packages": (("torch", "2.6.0"),), "gpus": ()}
    return EnvironmentFingerprint(**(told | changes))


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"interpreter": "/a"}, {"interpreter": "/b"}, ""),  # the same versions elsewhere
        ({"interpreter": "/a"}, {"interpreter": "/a", "python": "3.12.1"}, "Python 3.11.7 -> 3.12.1"),
        ({"interpreter": UNKNOWN}, {"interpreter": UNKNOWN, "cores": 4}, "cores 2 -> 4"),
        ({"interpreter": "/a"}, {"interpreter": UNKNOWN, "python": UNKNOWN, "packages": ()}, ""),
        ({}, {"interpreter": "/a", "python": "3.9.1"}, ""),  # an earlier version looked at its own Python
        ({}, {"python": "3.12.1"}, "Python 3.11.7 -> 3.12.1"),  # a recipe's
    ],
)
def test_software_is_compared_where_it_is_known_of_both(before, now, said):
    old, new = fingerprint(**before), fingerprint(**now)
    assert describe_change(old, new) == said
    assert set(compared_parts(old, new)[0]) == set(compared_parts(old, new)[1])


def test_an_unknown_interpreter_leaves_the_machine_known():
    unknown = command_environment(None)
    assert (unknown.interpreter, unknown.packages, unknown.has_software) == (UNKNOWN, (), False)
    assert unknown.cores == len(os.sched_getaffinity(0))
    assert "Python" not in unknown.parts()
    assert EnvironmentFingerprint.from_json(unknown.to_json()) == unknown


def test_the_fingerprint_is_of_the_interpreter_that_trains(place, tmp_path):
    other = place.program(tmp_path / "python", f'#!/bin/sh\necho run >> {tmp_path}/asked\nexec {sys.executable} "$@"\n')
    found = environment_of(place.training("python", "train.py", python=other), dict(os.environ))
    assert found.interpreter == str(other)
    assert (tmp_path / "asked").read_text() == "run\n"


def test_a_campaign_says_that_the_interpreter_is_not_known(desk):
    script = Path(__file__).parents[2] / "toys" / "quadratic.py"
    command = f'["sh", "-c", "exec {sys.executable} -I -S {script} {{lr}}"]'
    model = desk.register(training=f'command = {command}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2')
    prepared = prepare(model, model.file, {"lr": 0.01}, None, desk.config, dict(os.environ))
    assert any("which Python trains this model is not known" in note for note in prepared.notes)
    assert not prepared.environment.has_software
