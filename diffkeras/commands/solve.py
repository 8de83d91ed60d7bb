"""`diffkeras solve`."""

import logging
from typing import Any

import click
import numpy as np

from diffkeras.commands.field_files import FieldFiles, field_options, largest_bound
from diffkeras.commands.options import (
    INPUT,
    boundary_option,
    command,
    count_option,
    lattice_type,
    map_option,
    number_option,
    number_or_map,
    once_each,
    taken,
)
from diffkeras.commands.problem_files import ProblemFiles, SideFile, do_each, problem_options
from diffkeras.physics import Solution, solve_many
from diffkeras.physics.problem.given_sides import KINDS
from diffkeras.physics.steady.table import METHODS
from diffkeras.reporting.text import rounded_up

logger = logging.getLogger(__name__)

NEGLIGIBLE = 1e-9  # by this share of the largest value rounding may make values negative


def _form(name: str) -> str:
    """How a side with given numbers is written, such as robin:RATE[,VALUE]."""
    first, *optional = (number.upper() for number in KINDS[name].names_of_numbers())
    return f"{name}:{first}{''.join(f'[,{number}]' for number in optional)}"


FORMS = ("NAME", *map(_form, KINDS))
MEANINGS = "; ".join(f"with {name}, {kind.meaning}" for name, kind in KINDS.items())


def side_type(value: str) -> SideFile:
    """A side of the lattice, and what it does: (side, kind, its numbers or files)."""
    side, _, text = value.partition("=")
    kind, _, numbers = text.partition(":")
    parts = numbers.split(",") if numbers else []
    most = len(KINDS[kind].names_of_numbers()) if kind in KINDS else 0
    if not (side and kind) or not min(most, 1) <= len(parts) <= most:
        forms = ", ".join(f"SIDE={form}" for form in FORMS)
        raise click.BadParameter(
            f"{value!r} is not one of {forms}, where NAME is absorbing, reflecting or periodic; "
            "write e.g. top=value:1.0 or left=reflecting"
        )
    return side, kind, tuple(map(number_or_map, parts))


def label_type(value: str) -> tuple[int, dict[str, float]]:
    """A label of a label image, and its properties by name."""
    label, _, text = value.partition(":")
    try:
        pairs = (part.split("=") for part in text.split(",")) if text else ()
        return int(label), {name: float(number) for name, number in pairs}
    except ValueError:
        raise click.BadParameter(f"{value!r} is not N:NAME=NUMBER[,NAME=NUMBER] or N:") from None


def space_type(value: str) -> tuple[int, ...] | int:
    """ROWSxCOLUMNS, PLANESxROWSxCOLUMNS, or one number, as the sides have two axes or three."""
    sides = lattice_type(value, most=3)
    return sides if "x" in value.lower().replace("×", "x") else sides[0]


@command()
@field_options
@problem_options
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
@number_option("--step", default=1.0, help="Lattice step [length].")
@boundary_option
@click.option(
    "--side",
    "sides",
    metavar=f"SIDE={'|'.join(FORMS)}",
    type=side_type,
    multiple=True,
    callback=once_each,
    help="What one side does; may be repeated. Other sides keep --boundary. SIDE is top, bottom, "
    f"left or right, and in three dimensions front or back; {MEANINGS}. Each is a number, or a "
    ".npy file with one for each node.",
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
    type=label_type,
    multiple=True,
    callback=once_each,
    help="SOURCE_FILE is a label image, whose nodes of number N have these properties: fixed (the "
    "value that they hold), production, uptake, saturation, diffusivity, decay. Once for each "
    "label; N: without properties is the medium alone. Label 0 needs no option.",
)
@click.option(
    "--method", metavar=f"[{'|'.join(METHODS)}]", default="auto", show_default=True, help="Solver."
)
@number_option(
    "--tolerance",
    default=1e-10,
    help="Largest error relative to the largest |value|; from 1e-6 on in single precision.",
)
@click.option(
    "--lattice",
    metavar="N|ROWSxCOLUMNS",
    type=space_type,
    help="Lattice where sides alone supply the field.",
)
@count_option("--processes", "Processes that share a --batch", "1")
@count_option("--threads", "Threads of the transforms and of BLAS", "1")
def solve(labels: tuple[tuple[int, dict[str, float]], ...], **options: Any) -> None:
    """Solve the field of sources exactly.

    SOURCE_FILE has the values at which sources hold the field, --production FILE what sources
    release; give one of them or both. Each is a .npy or .npz array, (rows, columns) or a volume
    (planes, rows, columns), or a grey PNG or TIFF of 8 or 16 bits, whose full scale stands for 1;
    the pages of a TIFF are planes.
    Maps are files of the same kinds. All other files belong to each of several SOURCE_FILEs.
    Directories of the files that are written are created where they don't exist.

    \b
    Examples:
      diffkeras solve cells.png -o field.tif --decay 0.01 --plot field.png
      diffkeras solve vessels.png --production cells.npy -o field.npy
      diffkeras solve vessels.png --decay uptake.npy -o field.npz
      diffkeras solve vessels.png --uptake cells.npy --saturation 0.2 -o field.npy
      diffkeras solve cells.npy -o field.npy --boundary reflecting \\
          --side top=value:1.0
      diffkeras solve labels.tif -o field.npz --label 1:fixed=60 \\
          --label 2:uptake=100,saturation=3
      diffkeras solve volume.npy -o field.vti --plot slices.png
      diffkeras solve monday.png tuesday.png -o 'fields/{}.npz'
    """
    options["labels"] = dict(labels) or None
    files = taken(FieldFiles, options)
    inputs = ProblemFiles.each(options)
    outputs = files.of_inputs(inputs)

    def work(name: str, given: ProblemFiles) -> None:
        solutions = solve_many(given.read(), **options)
        outputs[name].write(solutions)
        _report(outputs[name], solutions)

    do_each(inputs, work)


def _report(files: FieldFiles, solutions: list[Solution]) -> None:
    """Say how problems were solved, and what was written."""
    stats = [solution.stats for solution in solutions]
    methods = sorted({one.method for one in stats})
    rounding = float(np.finfo(files.type_of(solutions)).eps) / 2
    reached = max(rounding, *(one.reached for one in stats))
    error = f"its error is about {reached:.1e} of its largest value"
    if methods == ["newton-cg"]:  # which has proven it
        bound = largest_bound(solutions, files.output)
        error = f"its error is proven to be at most {rounded_up(bound, 2)}"
    logger.info(f"solved; {error}")
    least = min(float(solution.field.min()) for solution in solutions)
    if least < -NEGLIGIBLE * max(float(abs(solution.field).max()) for solution in solutions):
        logger.warning(
            f"the field falls to {least:.3g}, which no concentration does; check negative values, "
            "productions and fluxes"
        )
    more: dict[str, Any] = {
        "method": ", ".join(methods),
        "iterations": sum(one.iterations for one in stats),
    }
    if files.as_json:
        more["error_bound"] = largest_bound(solutions, files.output)
    files.report(solutions, [], more)
