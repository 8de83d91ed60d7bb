"""What `diffkeras solve` and `predict` share: the options of a problem, and what they print."""

import json
from typing import Any

import click

from diffkeras.commands.command import quiet_option
from diffkeras.commands.options import INPUT, Command, file_option, map_option

KINDS = ".npy, .npz or .vti (with its bound and the problem; .vti is for ParaView), or .tif"


def problem_options(command: Command, *, space: bool = False) -> Command:
    """SOURCE_FILE, the maps and numbers of a problem, and what is written of its field."""
    for option in (
        quiet_option,
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print a summary as JSON on standard output: files, lattice, what the field is, "
            "its proven error, its range.",
        ),
        click.option(
            "--field-unit", metavar="TEXT", help="Unit of the field in the picture, e.g. mmHg."
        ),
        click.option(
            "--unit",
            metavar="TEXT",
            help="Unit of lengths in the picture and in .tif, e.g. um.  [default: numbers of nodes "
            "if the step is 1]",
        ),
        file_option(
            "--bound", "The proven bound of the field's error, node by node: .npy, .npz, .tif, .vti"
        ),
        click.option(
            "--production",
            metavar="FILE",
            type=INPUT,
            help="Image of what each node releases (takes up, if negative) [concentration/time].",
        ),
        map_option(
            "--saturation",
            help="K [concentration] of Michaelis-Menten uptake v u/(K + u), in Python the constant "
            "of MichaelisMenten; a number or a map.",
        ),
        map_option(
            "--uptake",
            help="What cells take up: its rate in proportion to the concentration, k [1/time]; or, "
            "with --saturation, its maximum v [concentration/time]; a number or a map.",
        ),
        click.option(
            "--batch",
            is_flag=True,
            help=f"Files hold batches of images, (batch, {'...' if space else 'rows, columns'}).",
        ),
        file_option("--plot", "Picture of sources and field: .png, .pdf or .svg."),
        file_option("-o --output", f"The field: {KINDS}.", required=True),
        click.argument("source_file", type=INPUT, required=False),
    ):
        command = option(command)
    return command


def print_fields(
    files: Any, result: Any, lines: list[str], more: dict[str, Any], *, as_json: bool, quiet: bool
) -> None:
    """Print what `solve` and `predict` wrote.

    Args:
        files: the `FieldFiles`.
        result: a `Solution` or a `Prediction`.
        lines: what is proven.
        more: what --json has of the result besides.
        as_json: whether to print JSON.
        quiet: whether to print no lines.
    """
    if as_json:
        click.echo(json.dumps(files.summary(result, more), indent=2))
    elif not quiet:
        what = f"the {kind}, " if (kind := getattr(result, "kind", "")) else ""
        lines = [*lines, f"wrote {files.field} ({what}{files.described(result)})"]
        others = filter(None, (files.bound, files.corrected, files.plot))
        for line in (*lines, *(f"wrote {file}" for file in others)):
            click.echo(line)
