"""Prove how far another program's field is from the steady one.

    python -m benchmarks.arbiter.certify output/final.xml
    python -m benchmarks.arbiter.certify voxels.csv --test "one sink" --reading zero-order

Of PhysiCell, the steady field is that of its own cells, rates and walls, unless a reading is named.
Readings are in µM; `--factor 602.2` says that the file is in molecules per µm³.
"""

from pathlib import Path

import click
import numpy as np

import diffkeras as dk
from benchmarks.arbiter.other_tools import FileError, OtherField, physicell_problem, read_field
from benchmarks.arbiter.readings import READINGS, reading_of
from diffkeras.reporting.text import rounded_up


@click.command(help=__doc__.splitlines()[0])
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--substance", help="The substance, or the column of a table.")
@click.option(
    "--test",
    "test_name",
    type=click.Choice(sorted({reading.test.name for reading in READINGS})),
    help="A unit test.",
)
@click.option("--reading", "key", help="The reading of that test, by its name in docs/arbiter.md.")
@click.option("--factor", default=1.0, help="Units of the file in one of the problem's.")
def main(
    path: Path, substance: str | None, test_name: str | None, key: str | None, factor: float
) -> None:
    if not 0 < factor < np.inf:
        raise click.BadParameter(f"{factor} is not above 0 and finite", param_hint="--factor")
    if (test_name is None) != (key is None):
        raise click.UsageError("give --test and --reading together")
    try:
        field = read_field(path, substance)
        if test_name is not None:
            problem = _named(test_name, str(key))
        elif path.suffix == ".xml":
            problem = physicell_problem(path, substance)
        else:
            raise click.UsageError(f"{path} is a table, so it needs --test and --reading")
        click.echo(judge(field, problem, factor))
    except (FileError, dk.DiffkerasError) as error:
        raise click.ClickException(str(error)) from None


def _named(test_name: str, key: str) -> dk.Problem:
    keys = [reading.key for reading in READINGS if reading.test.name == test_name]
    if key not in keys:
        raise click.UsageError(f"{test_name} has no reading {key!r}; it has {', '.join(keys)}")
    test = next(reading.test for reading in READINGS if reading.test.name == test_name)
    return reading_of(test, key).problem()


def judge(field: OtherField, problem: dk.Problem, factor: float = 1.0) -> str:
    """How far the field is from the steady one, at least and at most, in the file's unit.

    Raises:
        FileError: a field of another shape or step than the problem.
    """
    if field.values.shape != problem.lattice:
        raise FileError(
            f"{field.source}: a field of {field.values.shape} voxels (z, y, x), but the problem "
            f"has {problem.lattice}"
        )
    if not np.isclose(field.step, problem.medium.step):
        raise FileError(
            f"{field.source}: voxels of {field.step:g} µm, but the problem's are "
            f"{problem.medium.step:g} µm wide"
        )
    certificate = dk.certify(field.values / factor, problem)
    # the quotient that is certified is rounded, by at most 2⁻⁵³ of itself
    rounding = 0.0 if factor == 1 else 2.0**-53 * float(np.abs(certificate.field).max())
    exact = dk.solve(problem)
    distance = np.abs(certificate.field - exact.field)
    least = ((distance - exact.node_bound).max() - rounding) * factor
    most = (certificate.error_bound + rounding) * factor
    worst = np.unravel_index(distance.argmax(), distance.shape)
    place = ", ".join(
        f"{axis} = {start + k * field.step:g}"
        for axis, k, start in zip("xyz", worst[::-1], field.origin[::-1], strict=True)
    )
    mean = float((certificate.field - exact.field).mean()) * factor
    when = "" if field.time is None else f" at time {field.time:g}"
    return (
        f"{field.source}{when}\n"
        f"between {rounded_up(-max(least, 0.0), 6).removeprefix('-')} and "
        f"{rounded_up(most, 6)} from the steady field, proven\n"
        f"furthest at {place}: {field.values[worst]:.6g}, steady "
        f"{exact.field[worst] * factor:.6g}\n"
        f"on average {mean:+.6g}; the steady field is {exact.field.min() * factor:.6g} to "
        f"{exact.field.max() * factor:.6g}"
    )


if __name__ == "__main__":
    main()
