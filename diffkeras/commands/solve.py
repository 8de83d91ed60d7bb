"""`diffkeras solve`."""

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import Any

import click

from diffkeras.commands.field_options import print_fields, problem_options
from diffkeras.commands.options import (
    INPUT,
    LatticeType,
    NumberOrMap,
    boundary_option,
    command,
    map_option,
    processes_option,
    threads_option,
)
from diffkeras.errors import PhysicsError

logger = logging.getLogger(__name__)

NEGLIGIBLE = 1e-9  # by this share of the largest value rounding may make values negative
_number = partial(click.option, metavar="NUMBER", type=float, show_default=True)


def _given_sides() -> dict[str, Any]:
    """The kinds of sides with given numbers, by name; imported once a command runs."""
    from diffkeras.physics.problem.given_sides import KINDS

    return KINDS


def _forms_of_sides() -> list[str]:
    """How what a side does is written."""
    forms = ["NAME"]
    for name, kind in _given_sides().items():
        first, *optional = kind.names_of_numbers()
        forms.append(f"{name}:{first.upper()}{''.join(f'[,{one.upper()}]' for one in optional)}")
    return forms


def _is_boundary(name: str) -> bool:
    from diffkeras.physics.problem.sides import canonical_boundary

    with contextlib.suppress(PhysicsError):
        return bool(canonical_boundary(name))
    return False


class SideType(click.ParamType):
    """A side of the lattice and what it does."""

    name = "side"

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """All forms."""
        return f"SIDE={'|'.join(_forms_of_sides())}"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str, tuple]:
        """(side, kind, its numbers or files)."""
        side, equals, text = str(value).partition("=")
        kind, colon, numbers = text.partition(":")
        parts, given = numbers.split(",") if colon else [], _given_sides().get(kind)
        if not (equals and side and kind) or not (
            0 < len(parts) <= len(given.names_of_numbers())
            if given
            else not colon and _is_boundary(kind)
        ):
            *forms, last = (f"SIDE={form}" for form in _forms_of_sides())
            example = "e.g. top=value:1.0 or left=reflecting"
            with contextlib.suppress(ValueError):
                example = f"{side}=value:{float(kind):g}"
            self.fail(
                f"{value!r} is not {', '.join(forms)} or {last}, where NAME is absorbing, "
                f"reflecting or periodic; write {example}",
                param,
                ctx,
            )
        return side, kind, tuple(NumberOrMap().convert(part, param, ctx) for part in parts)


class SideOption(click.Option):
    """`--side`, whose help has what the numbers of each kind mean."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The forms, and the help."""
        record = super().get_help_record(ctx)
        meanings = [f"with {name}, {kind.meaning}" for name, kind in _given_sides().items()]
        return record and (record[0], record[1].format("; ".join(meanings)))


class LabelType(click.ParamType):
    """A label of a label image and its properties."""

    name = "label"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, dict[str, float]]:
        """(the label, its properties by name)."""
        label, _, text = str(value).partition(":")
        try:
            pairs = (part.split("=") for part in text.split(",")) if text else ()
            return int(label), {name: float(number) for name, number in pairs}
        except ValueError:
            self.fail(f"{value!r} is not N:NAME=NUMBER[,NAME=NUMBER] or N:", param, ctx)


class MethodType(click.ParamType):
    """A solver's name, which `solve` checks; its help names all of them."""

    name = "method"

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """All names."""
        from diffkeras.physics.solvers.table import METHODS

        return f"[{'|'.join(METHODS)}]"


@command()
@partial(problem_options, space=True)
@map_option(
    "--diffusivity",
    default=1.0,
    help="D [length^2/time]; a map of it, an image like SOURCE_FILE, where it varies. Give "
    "--decay, too: it doesn't follow D.",
)
@map_option(
    "--decay",
    default=1 / 400,
    help="Decay or uptake [1/time], or a map of it; the diffusion length is the square root of "
    "D/decay. The default is 1/400 for any D.",
)
@_number("--step", default=1.0, help="Lattice step [length].")
@boundary_option
@click.option(
    "--side",
    "sides",
    cls=SideOption,
    type=SideType(),
    multiple=True,
    help="What one side does; may be repeated. Other sides keep --boundary. SIDE is top, bottom, "
    "left or right, and in three dimensions front or back; {}. Each is a number, or a .npy file "
    "with one for each node.",
)
@click.option(
    "--fixed",
    metavar="FILE",
    type=INPUT,
    help="Image whose non-zero nodes are fixed, so that a source may hold 0 (a sink).  "
    "[default: the non-zero nodes of SOURCE_FILE]",
)
@click.option(
    "--label",
    "labels",
    metavar="N:[NAME=NUMBER,...]",
    type=LabelType(),
    multiple=True,
    help="SOURCE_FILE is a label image, whose nodes of number N have these properties: fixed (the "
    "value that they hold), production, uptake, saturation, diffusivity, decay. Once for each "
    "label; N: without properties is the medium alone. Label 0 needs no option.",
)
@click.option(
    "--dimensions",
    type=click.IntRange(2, 3),
    help="3: arrays of three axes are one image, (planes, rows, columns).  [default: 3 with a "
    "boundary for each of three axes, else 2]",
)
@click.option("--method", type=MethodType(), default="auto", show_default=True, help="Solver.")
@_number(
    "--tolerance",
    default=1e-10,
    help="Largest error relative to the largest |value|; from 1e-6 on in single precision.",
)
@click.option(
    "--lattice",
    metavar="N|ROWSxCOLUMNS",
    type=LatticeType(space=True),
    help="Lattice where sides alone supply the field.",
)
@processes_option("Processes that solve a batch", default="1")
@threads_option("of the transforms and of BLAS", default="1")
def solve(
    output: Path,
    bound: Path | None,
    plot: Path | None,
    unit: str | None,
    field_unit: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Solve the field of sources exactly.

    SOURCE_FILE has the values at which sources hold the field, --production FILE what sources
    release; give one of them or both. Each is a .npy or .npz array (rows, columns), or a grey PNG
    or TIFF of 8 or 16 bits, whose full scale stands for 1. Maps are files of the same kinds.
    Directories of the files that are written are created where they don't exist.

    \b
    Examples:
      diffkeras solve cells.png -o field.tif --boundary periodic --decay 0.01 --plot field.png
      diffkeras solve vessels.png --production cells.npy -o field.npy
      diffkeras solve vessels.png --decay uptake.npy -o field.npz
      diffkeras solve vessels.png --uptake cells.npy --saturation 0.2 -o field.npy
      diffkeras solve cells.npy -o field.npy --boundary reflecting --side top=value:1.0
      diffkeras solve labels.tif -o field.npz --label 1:fixed=60 --label 2:uptake=100,saturation=3
      diffkeras solve volume.npy --dimensions 3 -o field.vti --plot slices.png
    """
    from diffkeras.commands.field_files import FieldFiles
    from diffkeras.commands.problem_files import ProblemFiles
    from diffkeras.commands.solve_files import solve_files

    how = {name: options.pop(name) for name in ("method", "tolerance", "processes", "threads")}
    files = FieldFiles(output, bound=bound, plot=plot, unit=unit, field_unit=field_unit)
    given = options.pop("labels")
    labels = dict(given)
    if len(labels) < len(given):
        raise click.BadParameter("a label occurs twice", param_hint="--label")
    solution = solve_files(ProblemFiles(**options, labels=labels or None), files, **how)
    logger.info(_how(solution))
    least = float(solution.field.min(initial=0.0))
    if least < -NEGLIGIBLE * float(abs(solution.field).max(initial=0.0)):
        logger.warning(
            f"the field falls to {least:.3g}, which no concentration does; check negative values, "
            "productions and fluxes"
        )
    stats = solution.stats
    more: dict[str, Any] = {"method": stats.method, "iterations": stats.iterations}
    if as_json:
        more["error_bound"] = solution.error_bound
    print_fields(files, solution, [], more, as_json=as_json, quiet=quiet)


def _how(solution: Any) -> str:
    """How it was solved, in one line."""
    from diffkeras.reporting.text import rounded_up

    stats = solution.stats
    error = f"its error is about {stats.reached:.1e} of its largest value"
    if stats.method == "newton-cg":  # which has proven it
        error = f"its error is proven to be at most {rounded_up(solution.error_bound, 2)}"
    return f"solved in {stats.precision}; {error}"
