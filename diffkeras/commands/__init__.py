"""The `diffkeras` command: one file per subcommand, with its options, help and work.

A subcommand's file is imported when it is looked up, so `diffkeras --help` answers at once. Nothing
else in diffkeras imports this package.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module

try:
    import click
except ModuleNotFoundError:
    sys.exit("diffkeras: the command needs click, which is not installed; `pip install click`")

from diffkeras._version import __version__
from diffkeras.commands.command import DiffkerasGroup

# heading → subcommands and their short help
COMMANDS = {
    "Fields": {"solve": "Solve the field of sources exactly."},
    "Surrogates, which need TensorFlow": {
        "predict": "Predict the field around sources by a surrogate.",
        "generate": "Solve random sources and write datasets.",
        "train": "Train a surrogate on generated datasets.",
        "evaluate": "Measure a surrogate on test data.",
        "study": "Train and compare all variants of a study.",
        "export": "Export a surrogate or the exact solver.",
    },
}
NAMES = [name for group in COMMANDS.values() for name in group]


class _Commands(Mapping[str, click.Command]):
    """The subcommands by name; each is imported when it is looked up."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in NAMES:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f"diffkeras.commands.{name}"), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


@click.group(
    cls=DiffkerasGroup,
    headings={
        heading: [click.Command(name, short_help=text) for name, text in group.items()]
        for heading, group in COMMANDS.items()
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="diffkeras")
def main() -> None:
    """Solve steady diffusion, and train surrogates with proven error bounds.

    \b
    The main steps at a small scale:
      diffkeras generate --config quickstart
      diffkeras train    --config quickstart
      diffkeras evaluate saved_models/quickstart
    """


main.commands = _Commands()  # type: ignore[assignment]  # Click only reads it
