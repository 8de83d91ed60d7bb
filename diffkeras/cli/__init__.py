"""The `diffkeras` command. One file a subcommand: options and help only, the work is elsewhere.

Nothing heavy is imported until a subcommand runs, so that help answers at once.
"""

from typing import Any

import click

from diffkeras._version import __version__
from diffkeras.cli.evaluate import evaluate
from diffkeras.cli.generate import generate
from diffkeras.cli.predict import predict
from diffkeras.cli.solve import solve
from diffkeras.cli.status import printed_log
from diffkeras.cli.study import study
from diffkeras.cli.train import train
from diffkeras.errors import DiffkerasError


class DiffkerasGroup(click.Group):
    """Prints diffkeras' own errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            ctx.with_resource(printed_log())
            return super().invoke(ctx)
        except DiffkerasError as error:
            failure = click.ClickException(" ".join(str(error).split()))
            # a signal's number, which scripts look for
            vars(failure)["exit_code"] = getattr(error, "exit_code", failure.exit_code)
            raise failure from None
        except MemoryError as error:
            raise click.ClickException(f"out of memory: {error}") from None


@click.group(
    cls=DiffkerasGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="diffkeras")
def main() -> None:
    """Learn surrogates of a steady-state diffusion solver, and know how wrong they are.

    \b
    The main job, at a reduced scale:
      diffkeras generate --config quickstart
      diffkeras train    --config quickstart
      diffkeras evaluate --run-dir saved_models/quickstart
    """


for command in (generate, train, evaluate, study, predict, solve):
    main.add_command(command)
