import click
import pytest

import diffkeras as package
from diffkeras.commands import main


def test_the_commands_are_listed(diffkeras):
    for words in ([], ["--help"], ["-h"]):
        output = diffkeras(*words).output
        assert all(name in output for name in main.commands)
        without_tensorflow = output.partition("need TensorFlow:")[0]
        assert "\n  solve " in without_tensorflow
        assert "\n  predict " not in without_tensorflow
    assert {"generate", "train", "evaluate", "study"} <= set(main.commands)


def test_the_version(diffkeras):
    assert diffkeras("--version").output.strip() == f"diffkeras, version {package.__version__}"


@pytest.mark.parametrize("command", main.commands.values(), ids=[*main.commands])
def test_each_command_has_short_help_with_an_example_and_all_options(
    command, diffkeras, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    result = diffkeras(command.name, "--help")
    assert result.exit_code == 0
    assert f"diffkeras {command.name} " in result.output.partition("Example")[2]
    assert max(len(line) for line in result.output.splitlines()) <= 80
    assert command.get_short_help_str(limit=1000) in diffkeras("--help").output
    result.output.encode("ascii")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.rstrip("] ")[-1] not in ";,:", option.name


def test_unknown_commands_and_options_are_refused(refused):
    assert "No such command 'trian'" in refused("trian")
    assert "--epochs" in refused("train", "--epoch", "3")
    assert "--help" in refused("train", "--hepl")
    message = refused("predict", "default", "--step", "2")
    assert message.endswith("'--step' of main predict, only of `solve` and `export`")
