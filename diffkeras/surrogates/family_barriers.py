"""The barriers of a network that was trained on a family, for the proofs of its fields.

They are made of its own predictions when the training ends, and kept with the run. The proofs are
those of a `ReducedBasis`, and check each field by itself.
"""

from collections.abc import Callable
from pathlib import Path

from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import DataError, RunError
from diffkeras.physics import Family, Problem
from diffkeras.physics.families.reduced_basis.barrier_arrays import FORMAT, Barriers
from diffkeras.physics.families.reduced_basis.barrier_training import Sample, barriers_of
from diffkeras.physics.families.reduced_basis.corrections import CertifiedCorrections
from diffkeras.system.array_files import read_arrays, write_arrays
from diffkeras.system.blas_threads import blas_threads

SAMPLES = 128  # points whose predictions barriers are made for


def write_barriers(path: Path, family: Family, predict: Callable[[Problem], NDArray]) -> None:
    """Make the barriers of a network, and write them to a file.

    Without barriers there is no file, and proofs are left to the solver.

    Args:
        path: of the file.
        family: that the network was trained on.
        predict: its fields (n, rows, columns) of a batch of problems.

    Raises:
        OutputError: the file can't be written.
    """
    points = family.draw(SAMPLES, seed=0)
    problems = family.problem_at(points)
    samples = [
        Sample.of(problem, field, field)
        for problem, field in zip(problems.images, predict(problems), strict=True)
    ]
    with blas_threads():
        barriers = barriers_of(CertifiedCorrections(family), points, samples)
    if barriers is not None:
        write_arrays(path, {**barriers._asdict(), "format": FORMAT})


def read_barriers(path: Path, config: Config) -> Barriers | None:
    """The barriers in a run's file, if it has one.

    Raises:
        RunError: it is damaged, or of another format.
    """
    if (family := config.kind.family) is None or not path.exists():
        return None
    run = path.parent
    try:
        arrays = read_arrays(path, "barriers")
        written = arrays.get("format", "of an older version")
        if written != FORMAT:
            raise RunError(
                f"{path} has the format {written}, and this version reads {FORMAT}: train again by "
                f"`diffkeras train --config {run / 'config.yaml'} --run-dir {run} --overwrite`, or "
                "remove the file, so that the solver proves errors"
            )
        barriers = Barriers.of_arrays(arrays, family.problem.lattice)
    except (DataError, ValueError) as error:
        raise RunError(f"the run directory {run} is damaged: {error}") from None
    if barriers is None:
        raise RunError(f"the run directory {run} is damaged: {path} has other arrays")
    return barriers
