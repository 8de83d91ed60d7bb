"""The `diffkeras` command. One file a subcommand: options and help only.

Nothing heavy is imported until a subcommand runs, so that help answers at once.
"""

import sys

try:
    import click
except ModuleNotFoundError:
    sys.exit("diffkeras: the command needs click, which is not installed; `pip install click`")

from diffkeras._version import __version__
from diffkeras.commands.command import DiffkerasGroup
from diffkeras.commands.evaluate import evaluate
from diffkeras.commands.export import export
from diffkeras.commands.generate import generate
from diffkeras.commands.moved import MOVED
from diffkeras.commands.predict import predict
from diffkeras.commands.solve import solve
from diffkeras.commands.study import study
from diffkeras.commands.train import train


class _Main(DiffkerasGroup):
    """The group; commands that moved are found by their names, and are not listed."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name."""
        return super().get_command(ctx, cmd_name) or MOVED.get(cmd_name)


@click.group(
    cls=_Main,
    headings={
        "Fields": [solve],
        "Surrogates, which need TensorFlow": [predict, generate, train, evaluate, study, export],
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="diffkeras")
def main() -> None:
    """Solve steady diffusion, and train surrogates that know how wrong they are.

    \b
    The main steps at a small scale:
      diffkeras generate --config quickstart
      diffkeras train    --config quickstart
      diffkeras evaluate saved_models/quickstart
    """
