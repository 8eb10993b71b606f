"""The command group knows its commands without importing them."""

from __future__ import annotations

from importlib import import_module

import pytest
from click.testing import CliRunner

from evalharness.cli.main import COMMANDS, group


@pytest.mark.parametrize("name", COMMANDS)
def test_the_static_help_line_is_the_commands_own(name: str) -> None:
    module, text = COMMANDS[name]
    command = import_module(module).command
    assert command.name == name
    assert command.help == text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_command_has_help(name: str) -> None:
    command = import_module(COMMANDS[name][0]).command
    for each in (command, *getattr(command, "commands", {}).values()):
        assert each.help
        missing = [param.name for param in each.params if param.param_type_name == "option" and not param.help]
        assert missing == []


def test_a_misspelt_command_gets_the_near_one() -> None:
    result = CliRunner().invoke(group, ["repotr"])
    assert result.exit_code == 2
    assert "Did you mean 'report'?" in result.output
