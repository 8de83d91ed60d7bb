"""`diffkeras solve`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.status import echo_status

BOUNDARIES = ("absorbing", "reflecting", "periodic")


class LatticeType(click.ParamType):
    """A side, or ROWSxCOLUMNS."""

    name = "lattice"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Parse."""
        parts = str(value).lower().replace("×", "x").split("x")
        sides = [part.strip() for part in parts]
        if len(sides) > 2 or not all(s.isdecimal() and len(s) < 10 and int(s) for s in sides):
            self.fail(f"{str(value)[:40]!r} is no lattice; write e.g. 128 or 128x256", param, ctx)
        return int(sides[0]), int(sides[-1])


class BoundaryType(click.ParamType):
    """A boundary, or one for each axis."""

    name = "boundary"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Parse."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        if len(parts) > 2 or any(part not in BOUNDARIES for part in parts):
            self.fail(
                f"{value!r} is no boundary; choose one of {', '.join(BOUNDARIES)}, or one for each "
                "axis, e.g. periodic,reflecting",
                param,
                ctx,
            )
        return parts[0], parts[-1]


class MethodType(click.ParamType):
    """A solver, by the table of solvers, which only `solve` and its help load."""

    name = "method"

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """All names."""
        from diffkeras.physics.solvers.table import METHODS

        return f"[{'|'.join(METHODS)}]"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Check the name."""
        from diffkeras.physics.solvers.table import METHODS

        if value not in METHODS:
            self.fail(f"{value!r} is no method; choose one of {', '.join(METHODS)}", param, ctx)
        return str(value)


@click.command()
@click.argument("sources", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The field: .npy, .npz, .tif (32-bit floats) or .png (16 bits, 1 at full scale).",
)
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A picture of sources and field, .png.",
)
@click.option(
    "--lattice",
    metavar="N|ROWSxCOLUMNS",
    type=LatticeType(),
    help="For a list of discs that names none.",
)
@click.option(
    "--batch", is_flag=True, help="SOURCES holds a batch of images, (batch, rows, columns)."
)
@click.option(
    "--diffusivity",
    metavar="D",
    type=float,
    default=1.0,
    show_default=True,
    help="D [length²/time].",
)
@click.option(
    "--decay",
    metavar="γ",
    type=float,
    default=1 / 400,
    show_default=True,
    help="γ [1/time]; the diffusion length is √(D/γ).",
)
@click.option(
    "--step", metavar="h", type=float, default=1.0, show_default=True, help="Lattice step [length]."
)
@click.option(
    "--boundary",
    metavar="NAME[,NAME]",
    type=BoundaryType(),
    default="absorbing",
    show_default=True,
    help="absorbing, reflecting or periodic; a pair for rows' and columns' ends.",
)
@click.option(
    "--fixed",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Image whose non-zero nodes are fixed, so that a source may hold 0 (a sink).  "
    "[default: the non-zero nodes of SOURCES]",
)
@click.option(
    "--method",
    type=MethodType(),
    default="auto",
    show_default=True,
    help="How to solve.",
)
@click.option(
    "--tolerance",
    metavar="ε",
    type=float,
    default=1e-10,
    show_default=True,
    help="Largest error, relative to the largest |value|; from 1e-6 on in single precision.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes for a batch, threads for one image.  [default: 1]",
)
def solve(
    sources: Path,
    output: Path,
    plot: Path | None,
    lattice: tuple[int, int] | None,
    batch: bool,
    **options: Any,
) -> None:
    """Solve the steady state around the sources in a file, exactly.

    SOURCES is a .npy or .npz array (rows, columns); a grey PNG or TIFF of 8 or 16 bits, whose full
    scale stands for 1; or a YAML list of discs:

    \b
      lattice: [128, 128]
      sources:
        - {row: 30, column: 40, radius: 5, value: 1.0}
        - {row: 90, column: 80, radius: 8, value: 0.5}

    \b
    Examples:
      diffkeras solve discs.yaml -o field.npy --plot field.png
      diffkeras solve cells.png -o field.tif --boundary periodic --decay 0.01
    """
    from diffkeras.physics import Medium
    from diffkeras.workflows.field_files import FieldFiles, described
    from diffkeras.workflows.solve_files import solve_files
    from diffkeras.workflows.source_files import SourceFile

    parts = {key: options.pop(key) for key in ("diffusivity", "decay", "step", "boundary")}
    source_file, files = SourceFile(sources, lattice, batch), FieldFiles(output, plot=plot)
    solution = solve_files(source_file, files, medium=Medium(**parts), **options)
    stats = solution.stats
    echo_status(
        f"method {stats.method}, {stats.ring_nodes} ring nodes, {stats.iterations} iterations, "
        f"residual {stats.residual:.1e}, computed in {stats.precision}"
    )
    click.echo(f"wrote {output} ({described(solution.field)})")
    if plot:
        click.echo(f"wrote {plot}")
