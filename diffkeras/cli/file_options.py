"""Options of the commands that read source images and write fields."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]

FILE = click.Path(dir_okay=False, path_type=Path)
INPUT = click.Path(exists=True, dir_okay=False, path_type=Path)


class LatticeType(click.ParamType):
    """A number of nodes a side, or ROWSxCOLUMNS."""

    name = "lattice"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Parse."""
        sides = [part.strip() for part in str(value).lower().replace("×", "x").split("x")]
        if len(sides) > 2 or not all(s.isdecimal() and len(s) < 10 and int(s) for s in sides):
            self.fail(f"{str(value)[:40]!r} is no lattice; write e.g. 128 or 128x256", param, ctx)
        return int(sides[0]), int(sides[-1])


def file_option(name: str, help: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option that names a file to be written."""
    return click.option(*name.split(), metavar="FILE", type=FILE, help=help, **attributes)


def source_options(command: Command) -> Command:
    """The argument SOURCE_FILE, and the options that say how it is read and what is written."""
    for option in (
        click.option(
            "--batch",
            is_flag=True,
            help="SOURCE_FILE holds a batch of images, (batch, rows, columns).",
        ),
        click.option(
            "--lattice",
            metavar="N|ROWSxCOLUMNS",
            type=LatticeType(),
            help="Lattice for a list of discs that names none.",
        ),
        file_option("--plot", "Picture of sources and field, .png."),
        file_option(
            "-o --output",
            "The field: .npy, .npz, .tif (32-bit floats) or .png (16 bits, 1 at full scale).",
            required=True,
        ),
        click.argument("source_file", type=INPUT),
    ):
        command = option(command)
    return command
