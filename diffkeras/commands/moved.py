"""Commands that are another program's now: they say where they went."""

from typing import Any

import click

from diffkeras.commands.options import command

ANY = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def moved(name: str, now: str) -> click.Command:
    """A command that is left out of the help, and ends in a line."""

    @command(name, hidden=True, context_settings=ANY)
    @click.pass_context
    def say(context: click.Context, **options: Any) -> None:
        raise click.ClickException(
            f"`diffkeras {name}` is now `diffkeras-benchmark {now}`, of the distribution "
            "diffkeras-benchmark; in a checkout, `pip install ./distributions/benchmark` installs "
            f"it, or run `python -m diffkeras_benchmark {now}`"
        )

    return say


MOVED = {
    name: moved(name, now)
    for name, now in (
        ("benchmark", "compare"),
        ("benchmark-data", "data"),
        ("leaderboard", "leaderboard"),
    )
}
