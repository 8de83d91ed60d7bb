"""What training finds for a family, and its file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.physics.families.family.family import Family
from diffkeras.physics.families.reduced_basis.barrier_arrays import FORMAT, Barriers
from diffkeras.physics.families.reduced_basis.kernel_regression import KernelRegression
from diffkeras.system.array_files import check_arrays, read_arrays, write_arrays


class Fit(NamedTuple):
    """A basis of fields, and a regression from parameters to its coefficients.

    Attributes:
        mean: (n,) float32, of the snapshots.
        modes: (q, n) float32, all of them, with those that only Galerkin's method uses.
        regression: from dimensionless inputs to the coefficients of all modes.
        errors: (m,), see `ReducedBasis`.
        fast_modes: r, the number of modes that predictions without a tolerance need.
        remainder: about the Euclidean norm of what all modes leave of a field, before scaling.
        converging: the share of samples of the training in which Galerkin's method converged.
        barriers: for the proofs; None if there are none.
        worst: see `ReducedBasis`.
    """

    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    regression: KernelRegression
    errors: NDArray[np.float64]
    fast_modes: int
    remainder: float
    converging: float = 1.0
    barriers: Barriers | None = None
    worst: float = np.inf

    def write(self, path: Path, family: Family) -> None:
        """Write a file, `.npz`, which knows the family by its hash.

        Raises:
            OutputError: it can't be written.
        """
        arrays = {
            **self._asdict(),
            **self.regression._asdict(),
            **({} if self.barriers is None else self.barriers._asdict()),
            "format": FORMAT,
            "fingerprint": family.fingerprint,
        }
        del arrays["regression"], arrays["barriers"]
        write_arrays(path, arrays)

    @classmethod
    def read(cls, path: Path, family: Family) -> "Fit":
        """Read a file.

        Raises:
            DataError: it is missing or damaged, or of another family.
        """
        read = read_arrays(path, "a basis")
        try:
            if read["format"] != FORMAT:
                raise DataError(
                    f"{path} has format {read['format']}, and this version reads {FORMAT}: make it "
                    "again with `ReducedBasis.train` and `save`"
                )
            if str(read["fingerprint"]) != family.fingerprint:
                raise DataError(
                    f"{path} is the basis of another family: its problem, regions or ranges differ"
                )
            _check(read, family)
            return cls(
                mean=read["mean"],
                modes=read["modes"],
                regression=KernelRegression(*(read[name] for name in KernelRegression._fields)),
                errors=read["errors"],
                fast_modes=int(read["fast_modes"]),
                remainder=float(read["remainder"]),
                converging=float(read["converging"]),
                barriers=Barriers.of_arrays(read, family.problem.lattice),
                worst=float(read["worst"]),
            )
        except KeyError as error:
            raise DataError(
                f"{path} can't be read as a basis: {error.args[0]} is missing"
            ) from None
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"{path} can't be read as a basis: {error}") from None


def _check(arrays: Mapping[str, NDArray], family: Family) -> None:
    """Raise a ValueError that names an array of another shape than those of `Fit`, or r."""
    modes, points = len(arrays.get("modes", ())), len(arrays.get("points", ()))
    inputs = int(np.count_nonzero(family.scaling.kept))
    nodes = math.prod(family.problem.lattice)
    check_arrays(
        arrays,
        {
            "mean": (nodes,),
            "modes": (modes, nodes),
            **dict.fromkeys(("centre", "spread", "lengths"), (inputs,)),
            "points": (points, inputs),
            **dict.fromkeys(("weights", "left_out"), (points, modes)),
            "errors": (points,),
            **dict.fromkeys(("fast_modes", "remainder", "converging", "worst"), ()),
        },
    )
    if (fast := arrays["fast_modes"].item()) not in range(1, modes + 1):
        raise ValueError(f"fast_modes is {fast}, and not a whole number from 1 to {modes}")
