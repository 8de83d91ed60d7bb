"""`diffkeras solve`."""

import logging
import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    INPUT,
    Number,
    WholeRange,
    boundary_option,
    command,
    processes_option,
    source_options,
    threads_option,
)

logger = logging.getLogger(__name__)

NEGLIGIBLE = 1e-9  # of the largest |value|: rounding

MAPS_AND_NUMBERS = ("diffusivity", "decay", "uptake", "saturation", "step", "boundary")

PROVEN = ("newton-cg",)  # methods whose error bound is proven, and which need no ring

_number = partial(click.option, metavar="NUMBER", type=Number(), show_default=True)


class NumberOrMap(click.ParamType):
    """A number, or the file of a map with a number for each node."""

    name = "number or map"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | Path:
        """A float or a path; an error for what is neither a number nor a file."""
        try:
            float(value)
        except ValueError:
            if os.path.isfile(value):
                return Path(value)
            self.fail(f"{value!r} is neither a number nor a file", param, ctx)
        return float(Number().convert(value, param, ctx))


class SideType(click.ParamType):
    """A side of the lattice and what it does."""

    name = "side"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str, float | Path | None]:
        """(side, what it does, number or file)."""
        side, equals, text = str(value).partition("=")
        what, colon, number = text.partition(":")
        if not (equals and side and what) or bool(colon) != (what in ("value", "flux")):
            self.fail(
                f"{value!r} is not SIDE=NAME, SIDE=value:NUMBER or SIDE=flux:NUMBER; write e.g. "
                "top=value:1.0 or left=reflecting",
                param,
                ctx,
            )
        return side, what, NumberOrMap().convert(number, param, ctx) if colon else None


_map = partial(click.option, metavar="NUMBER|FILE", type=NumberOrMap(), show_default=True)


class MethodType(click.ParamType):
    """A solver's name, which `solve` checks; its help names all of them."""

    name = "method"

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """All names."""
        from diffkeras.physics.solvers.table import METHODS

        return f"[{'|'.join(METHODS)}]"


@command()
@partial(source_options, required=False, space=True)
@click.option(
    "--production",
    metavar="FILE",
    type=INPUT,
    help="Image of what each node releases (takes up, if negative) [concentration/time]; in a list "
    "of discs as their values, which add where discs overlap.",
)
@_map(
    "--diffusivity",
    default=1.0,
    help="D [length^2/time]; a map of it, an image like SOURCE_FILE, where it varies. Give "
    "--decay, too: it doesn't follow D.",
)
@_map(
    "--decay",
    default=1 / 400,
    help="Decay or uptake [1/time], or a map of it; the diffusion length is the square root of "
    "D/decay. The default is 1/400 for any D.",
)
@_map(
    "--uptake",
    help="What cells take up: its rate in proportion to the concentration, k [1/time]; or, with "
    "--saturation, its maximum v [concentration/time]; a number or a map.",
)
@_map(
    "--saturation",
    help="K [concentration] of Michaelis-Menten uptake v u/(K + u), in Python the constant of "
    "MichaelisMenten; a number or a map.",
)
@_number("--step", default=1.0, help="Lattice step [length].")
@boundary_option
@click.option(
    "--side",
    "sides",
    metavar="SIDE=NAME|value:V|flux:J",
    type=SideType(),
    multiple=True,
    help="What one side does; may be repeated. Other sides keep --boundary. SIDE is top, bottom, "
    "left or right, and in three dimensions front or back. V is the concentration outside, J what "
    "flows in [concentration*length/time]; each is a number, or a .npy file with one for each "
    "node.",
)
@click.option(
    "--fixed",
    metavar="FILE",
    type=INPUT,
    help="Image whose non-zero nodes are fixed, so that a source may hold 0 (a sink).  "
    "[default: the non-zero nodes of SOURCE_FILE]",
)
@click.option(
    "--dimensions",
    type=WholeRange(2, 3),
    help="3: arrays of three axes are one image, (planes, rows, columns), and lists are of balls, "
    "which have a plane, too.  [default: 3 with a boundary for each of three axes, else 2]",
)
@click.option("--method", type=MethodType(), default="auto", show_default=True, help="Solver.")
@_number(
    "--tolerance",
    default=1e-10,
    help="Largest error relative to the largest |value|; from 1e-6 on in single precision.",
)
@processes_option("Processes that solve a batch", default="1")
@threads_option("of the transforms and of BLAS, for one image", default="1")
def solve(
    source_file: Path | None,
    production: Path | None,
    output: Path,
    plot: Path | None,
    lattice: tuple[int, ...] | int | None,
    batch: bool,
    dimensions: int | None,
    **options: Any,
) -> None:
    """Solve the field of sources exactly.

    SOURCE_FILE has the values at which sources hold the field, --production FILE what sources
    release; give one of them or both. Each is a .npy or .npz array (rows, columns); a grey PNG or
    TIFF of 8 or 16 bits, whose full scale stands for 1; or a YAML list of discs:

    \b
      lattice: [128, 128]
      sources:
        - {row: 30, column: 40, radius: 5, value: 1.0}
        - {row: 90, column: 80, radius: 8, value: 0.5}

    Maps are files of the same kinds, 0 outside the discs of a list. Directories of the files that
    are written are created where they don't exist.

    \b
    Examples:
      diffkeras solve discs.yaml -o field.npy --plot field.png
      diffkeras solve cells.png -o field.tif --boundary periodic --decay 0.01
      diffkeras solve vessels.png --production cells.npy -o field.npy
      diffkeras solve vessels.png --decay uptake.npy -o field.npy
      diffkeras solve vessels.png --uptake cells.npy --saturation 0.2 -o field.npy
      diffkeras solve cells.npy -o field.npy --boundary reflecting --side top=value:1.0
      diffkeras solve volume.npy --dimensions 3 -o field.npy --plot slices.png
    """
    from diffkeras.physics import Medium, MichaelisMenten
    from diffkeras.physics.boundaries import with_sides
    from diffkeras.workflows.field_files import FieldFiles, described
    from diffkeras.workflows.solve_files import read_side, solve_files
    from diffkeras.workflows.source_files import SourceFile

    parts = {key: options.pop(key) for key in MAPS_AND_NUMBERS}
    maps = {key: value for key, value in parts.items() if isinstance(value, Path)}
    sides = options.pop("sides")
    if not (source_file or production or (sides and lattice)):
        raise click.UsageError(
            "Missing argument 'SOURCE_FILE'; or give --production FILE, or --side and --lattice."
        )
    named = [side for side, _, _ in sides]
    if twice := [side for side in named if named.count(side) > 1]:
        raise click.UsageError(f"--side {twice[0]} is given twice; leave one out.")
    if parts["saturation"] is not None and parts["uptake"] is None:
        raise click.UsageError("--saturation needs --uptake, the maximum that cells take up.")
    options["workers"] = _workers(options.pop("processes"), options.pop("threads"), batch)
    if options["fixed"] and not source_file:
        raise click.UsageError("--fixed needs SOURCE_FILE, which holds the values of fixed nodes.")
    boundary = parts["boundary"]
    outline = Medium(boundary=boundary, dimensions=dimensions)  # type: ignore[arg-type]
    axes = outline.dimensions
    sources, produced = (
        SourceFile(file, lattice, batch, dimensions=axes) if file else None
        for file in (source_file, production)
    )
    files = FieldFiles(output, plot=plot)
    files.check({f"--{key}": file for key, file in maps.items()})
    changed = dict(map(read_side, sides))
    parts |= {
        key: SourceFile(file, array=key, dimensions=axes).read() for key, file in maps.items()
    }
    uptake, saturation = parts.pop("uptake"), parts.pop("saturation")
    if saturation is not None:
        uptake = MichaelisMenten(uptake, saturation)
    parts["boundary"] = with_sides(outline.sides, changed)
    medium = Medium(**parts, dimensions=axes)
    if not (source_file or production):
        options["lattice"] = (lattice,) * axes if isinstance(lattice, int) else lattice
    solution = solve_files(
        sources, files, production=produced, uptake=uptake, medium=medium, **options
    )
    logger.info(_how(solution))
    least = float(solution.field.min(initial=0.0))
    if least < -NEGLIGIBLE * float(abs(solution.field).max(initial=0.0)):
        logger.warning(
            f"the field falls to {least:.3g}, which no concentration does; check negative values, "
            "productions and fluxes"
        )
    click.echo(f"wrote {output} ({described(solution.field, output, axes)})")
    if plot:
        click.echo(f"wrote {plot}")


def _workers(processes: int | None, threads: int | None, batch: bool) -> int | None:
    """The `workers` of `solve`: processes of a batch, or threads of one image."""
    if processes is not None and not batch:
        raise click.UsageError("--processes are for a --batch; for one image give --threads.")
    if threads is not None and batch:
        raise click.UsageError("--threads are for one image; for a --batch give --processes.")
    return processes if batch else threads


def _how(solution: Any) -> str:
    """How it was solved, in one line."""
    stats = solution.stats
    work, error = f"{stats.iterations} iterations", f"residual {stats.residual:.1e}"
    if stats.method in PROVEN:
        steps = f"{stats.newton_steps} Newton steps, " if stats.newton_steps else ""
        work, error = steps + work, f"proven: off by at most {solution.error_bound:.1e}"
    else:
        work = f"{stats.ring_nodes} ring nodes, {work}"
    return f"method {stats.method}, {work}, {error}, computed in {stats.precision}"
