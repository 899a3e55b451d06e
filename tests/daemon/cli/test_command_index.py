"""The list of commands says of each what its own function says, and nothing is loaded to read it."""

import importlib

import pytest
from retuned.daemon.cli.command_index import COMMANDS, HIDDEN, MODULES, load


@pytest.mark.parametrize("name", MODULES)
def test_a_command_is_listed_with_its_own_words(name):
    command = load(name)
    assert command.name == name
    assert COMMANDS[MODULES[name]][name] == command.help.split("\n\n")[0].replace("\n", " ")
    assert command.hidden is (name in HIDDEN)


@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_of_a_module_is_listed(module):
    app = importlib.import_module(f"retuned.daemon.cli.{module}").app
    named = [*(command.name for command in app.registered_commands), *(group.name for group in app.registered_groups)]
    assert list(COMMANDS[module]) == named
