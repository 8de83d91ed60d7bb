"""What training finds for a family, and its file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.kernel_regression import KernelRegression
from diffkeras.system.array_files import check_arrays, read_arrays, write_arrays

FORMAT = 4  # version of the files


class Barriers(NamedTuple):
    """The barriers of a family, j for all its problems and for clusters of them.

    `barrier_training` makes them.

    Attributes:
        fields: (2, j, *lattice) float32, those for predictions and those for corrected fields.
        usual_row_sums: on the lattice, what problems of the family usually add to the row sums of
            the one with the slowest decay, by their own and by slopes; 0 if the diffusivity varies.
        regression_bound: the upper quartile of the bounds of predictions by regression alone,
            relative to the field's size.
        try_above: the lowest decile of the bounds of predictions by Galerkin's method or a network,
            relative to the field's size. Where so large a bound is enough, a proof is tried without
            a correction.
        correction_shares: (2,), the size of the last correction as a share of the field's bound, at
            the upper quartile of bounds, and at most 1: of fields that are corrected once, and
            twice. Corrections aim at this share of the needed bound.
        first_correction: the median size of a first correction, relative to the field's.
    """

    fields: NDArray[np.float32]
    usual_row_sums: NDArray[np.float32]
    regression_bound: NDArray[np.float64] = np.array(np.inf)
    try_above: NDArray[np.float64] = np.array(np.inf)
    correction_shares: NDArray[np.float64] = np.zeros(2)
    first_correction: NDArray[np.float64] = np.array(np.inf)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], lattice: tuple[int, ...]) -> "Barriers | None":
        """Those among the arrays of a file, by the names of the attributes; None if there are none.

        Raises:
            ValueError: one is missing, or has another shape.
        """
        if not set(cls._fields) & set(arrays):
            return None
        shapes = ((2, None, *lattice), lattice, (), (), (2,), ())
        check_arrays(arrays, dict(zip(cls._fields, shapes, strict=True)))
        return cls(*(arrays[name] for name in cls._fields))


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
