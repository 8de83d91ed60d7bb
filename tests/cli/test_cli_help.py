import click
import pytest

import diffkeras as package
from diffkeras.cli import main

COMMANDS = main.commands.items()
every_command = pytest.mark.parametrize(
    "command", [command for _, command in COMMANDS], ids=[name for name, _ in COMMANDS]
)


def test_the_commands_are_listed(diffkeras):
    for words in ([], ["--help"], ["-h"]):
        output = diffkeras(*words).output
        assert all(name in output for name, _ in COMMANDS)
    assert {"generate", "train", "evaluate", "study"} <= set(main.commands)


def test_the_version(diffkeras):
    assert diffkeras("--version").output.strip() == f"diffkeras, version {package.__version__}"


@every_command
def test_each_command_has_help_with_examples(command, diffkeras):
    result = diffkeras(command.name, "--help")
    assert result.exit_code == 0
    assert f"diffkeras {command.name} " in result.output.partition("Example")[2]
    assert max(len(line) for line in result.output.splitlines()) <= 100


@every_command
def test_every_option_has_help(command):
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.rstrip("] ")[-1] not in ";,:", option.name


@every_command
def test_help_is_short_and_can_be_printed_everywhere(command, diffkeras):
    assert len(command.get_short_help_str(limit=1000)) < 50
    diffkeras(command.name, "--help").output.encode("ascii")


def test_unknown_commands_and_options_are_refused(refused):
    assert "No such command 'trian'" in refused("trian")
    assert "--epoch" in refused("train", "--epoch", "3")
