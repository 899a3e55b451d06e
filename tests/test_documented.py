"""Everything that can be typed is explained somewhere that a person looks."""

import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import get_args

import pytest
import typer
from pydantic import BaseModel
from retuned.daemon.cli.campaign_commands import EXIT_CODES
from retuned.daemon.cli.cli import app
from retuned.daemon.cli.command_index import MODULES, load
from retuned.daemon.config.channel_tables import AnyChannel
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import ModelFile
from retuned.daemon.config.model_tables import HyperparameterTable
from retuned.strategies.records import Outcome

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMAND_PAGE = (ROOT / "docs/commands.md").read_text()
CONFIGURATION_PAGE = (ROOT / "docs/configuration.md").read_text()
LONGEST_README = 130  # lines
COMMANDS = {name: load(name) for name in MODULES}
SHOWN = sorted(name for name, command in COMMANDS.items() if not command.hidden)
WRITTEN = ("daemon", "strategies", "docs", "examples", "benchmarks", "deploy", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in WRITTEN for page in (ROOT / folder).rglob("*.md"))])
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def options_of(path, command):
    """(words of the command, option) for each option of a command and of those below it."""
    for name, below in getattr(command, "commands", {}).items():
        yield from options_of(f"{path} {name}", below)
    for option in command.params:
        if option.param_type_name == "option" and option.name != "help":
            yield path, option.opts[0]


OPTIONS = sorted(pair for name in SHOWN for pair in options_of(name, COMMANDS[name]))


def without_code(page):
    """A page's text without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page):
    """The anchors that a page's headings make, by the rule of GitHub."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    """The relative links of a page that lead nowhere, and those whose anchor is not there."""
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            yield link


def documented_keys(text):
    """The dotted keys in the tables of a part of the configuration page; a heading names the table of its keys."""
    table, found = "", set()
    for line in text.splitlines():
        if match := re.match(r"#+ `\[([a-z_.A-Z]+)\]`", line):
            table = match[1] + "."
            found.add(match[1])
        elif line.startswith("| `"):
            row = line.split("|")
            found.add(table + row[1].strip().strip("`"))
            found |= {table + inner for inner in re.findall(r"`([a-z_]+\.[a-z_]+)`", line)}
    return found


def uncommented(path):
    """The example file with every optional key switched on."""
    return re.sub(r"^# ?(?=[a-z_]+ = )", "", path.read_text(), flags=re.MULTILINE)


def keys_of(table: type[BaseModel], prefix=""):
    """Every key of a table, with those of the tables inside it."""
    for name, field in table.model_fields.items():
        key = prefix + (field.alias or name)
        yield key
        is_optional = isinstance(field.annotation, UnionType)
        for part in get_args(field.annotation) if is_optional else (field.annotation,):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys_of(part, f"{key}.")


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
def test_every_command_is_on_its_page(command):
    assert re.search(rf"^\| `{command}\b", COMMAND_PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_is_on_the_page_of_commands(command, option):
    rows = re.findall(rf"^\| `{command} .*$", COMMAND_PAGE, re.MULTILINE)
    assert any(re.search(rf"{option}\b", row) for row in rows)


@pytest.mark.parametrize("option", ["--state", "--config"])
def test_every_option_of_all_commands_is_on_the_page_of_commands(option):
    assert option in {name for parameter in typer.main.get_command(app).params for name in parameter.opts}
    assert f"`{option} " in COMMAND_PAGE


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


def test_every_configuration_key_is_on_the_page_of_keys():
    service = CONFIGURATION_PAGE.partition("\n## The model file")[0]
    assert set(keys_of(Config)) - documented_keys(service) == set()


@pytest.mark.parametrize("table", get_args(AnyChannel), ids=lambda table: table.__name__)
def test_every_key_of_a_channel_is_on_the_page_of_keys(table):
    part = CONFIGURATION_PAGE.partition("### `[channels.NAME]`")[2].partition("\n## ")[0]
    assert [key for key in keys_of(table) if f"`{key}`" not in part] == []


def test_every_model_file_key_is_on_the_page_of_keys():
    documented = documented_keys(CONFIGURATION_PAGE.partition("\n## The model file")[2])
    wanted = set(keys_of(ModelFile)) - {"hyperparameters"}
    wanted |= {f"hyperparameters.NAME.{name}" for name in HyperparameterTable.model_fields}
    assert wanted - documented == set()


def test_the_readme_is_short():
    assert len(README.splitlines()) <= LONGEST_README


def test_the_files_that_the_readme_sends_a_reader_to_are_there():
    where = README.partition("## Where things are")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:daemon|strategies)/[\w/.]*)`", where)
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_link_of_a_page_leads_somewhere(name):
    assert list(broken_links(ROOT / name)) == []


def test_every_page_of_the_documentation_can_be_reached_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[\w.-]+\.md)\)", README))
    assert {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")} - linked == set()


def test_every_configuration_key_is_in_the_example():
    assert set(keys_of(Config)) - written_keys(ROOT / "config.example.toml") == set()


def test_every_model_file_key_is_in_the_example():
    example = ROOT / "examples/model.example.toml"
    written = written_keys(example)
    left_out = {"training.budget.steps", "training.budget.epochs", "training.budget.seconds"}
    left_out |= {"data.split.list", "data.split.file_column"}  # of folders, named in the explanation
    assert {key for key in keys_of(ModelFile) if key not in left_out} - written == set()
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
