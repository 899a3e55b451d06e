"""Everything that can be typed is explained somewhere that a person looks."""

import re
import tomllib
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel
from retuned.daemon.cli.cli import EXIT_CODES, app
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import ModelFile
from retuned.daemon.config.model_tables import HyperparameterTable
from retuned.strategies.records import Outcome

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = typer.main.get_command(app).commands
SHOWN = sorted(name for name, command in COMMANDS.items() if not command.hidden)


def uncommented(path):
    """The example file with every optional key switched on."""
    return re.sub(r"^# ?(?=[a-z_]+ = )", "", path.read_text(), flags=re.MULTILINE)


def keys_of(table: type[BaseModel], prefix=""):
    """Every key of a table, with those of the tables inside it."""
    for name, field in table.model_fields.items():
        key = prefix + (field.alias or name)
        yield key
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(field.annotation, f"{key}.")


def written_keys(path):
    """The dotted keys in an example file, those that are commented out included."""
    table, found = "", set()
    for line in uncommented(path).splitlines():
        if match := re.match(r"\[([a-z_.]+)\]", line):
            table = match[1] + "."
            found |= {match[1], match[1].partition(".")[0]}
        elif match := re.match(r"([a-z_]+) = ", line):
            found.add(table + match[1])
            found |= {f"{table}{match[1]}.{inner}" for inner in re.findall(r"[{,] ?([a-z_]+) = ", line)}
    return found


@pytest.mark.parametrize("command", SHOWN)
def test_every_command_is_in_the_readme(command):
    assert re.search(rf"`(retuned )?{command}\b", README)


@pytest.mark.parametrize("command", SHOWN)
def test_every_command_and_option_has_a_help_text(command):
    assert COMMANDS[command].help
    assert [one.name for one in COMMANDS[command].params if one.name != "help" and not one.help] == []


@pytest.mark.parametrize("outcome", Outcome)
def test_every_exit_code_is_in_the_readme(outcome):
    assert outcome in EXIT_CODES
    assert re.search(
        rf"\b{EXIT_CODES[outcome]}\b[^\n]*{outcome.value}|{outcome.value}[^\n]*\b{EXIT_CODES[outcome]}\b", README, re.I
    )


def test_every_configuration_key_is_in_the_example():
    assert set(keys_of(Config)) - written_keys(ROOT / "config.example.toml") == set()


def test_every_model_file_key_is_in_the_example():
    example = ROOT / "examples/model.example.toml"
    written = written_keys(example)
    budgets = {"training.budget.steps", "training.budget.epochs", "training.budget.seconds"}
    assert {key for key in keys_of(ModelFile) if key not in budgets} - written == set()
    assert [unit for unit in ("steps", "epochs", "seconds") if f"{{{unit} = " not in example.read_text()] == []
    assert [name for name in HyperparameterTable.model_fields if f"\n{name} = " not in example.read_text()] == []


@pytest.mark.parametrize("name", ["config.example.toml", "examples/model.example.toml"])
def test_an_example_explains_each_of_its_keys(name):
    lines = (ROOT / name).read_text().splitlines()
    tomllib.loads("\n".join(lines))
    keys = [number for number, line in enumerate(lines) if re.match(r"# [a-z_]+ = ", line)]
    assert [lines[number] for number in keys if not is_explained(lines, number)] == []


def is_explained(lines, number):
    """Whether the lines above, other keys between them passed over, begin with a comment in words."""
    above = next(line for line in reversed(lines[:number]) if not re.match(r"(# )?[a-z_]+ = |$", line))
    return above.startswith("# ") or above == "#"
