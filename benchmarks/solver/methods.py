"""The methods that `benchmarks.solver` compares, and how one run is measured.

All methods get the same source image. Methods that need a matrix get it in the form that suits them
best, and assembling it isn't timed, except in FiPy, which makes its mesh and its matrix itself. All
run in one thread.
"""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil
import scipy.fft
import scipy.sparse.linalg as spl
from numpy.typing import NDArray

import diffkeras.physics as physics
from benchmarks.shared.free_system import FreeSystem
from benchmarks.shared.measures import PEAK, first_calls
from benchmarks.shared.tables import describe_times
from diffkeras.physics.linear.spectral import spectral_operator

MEDIUM = physics.Medium()
ITERATION_TOLERANCE = 1e-10  # relative residual of PyAMG and of plain conjugate gradients
STEPPING_TOLERANCE = 1e-6  # error at which explicit time stepping stops
TIMED_FOR, MOST_CALLS = 2.0, 50  # seconds of repeated calls, and their number

Run = Callable[[], NDArray]
Method = Callable[[NDArray], Run]


def source_image(side: int, count: int) -> NDArray[np.float64]:
    """`count` discs of radius 5 on (side, side) nodes, the same in every process."""
    rng = np.random.default_rng([side, count])
    sources = physics.sample_sources(count, (side, side), radius=5, rng=rng)
    return sources.image((side, side), np.float64)


def transform_pair(image: NDArray) -> Run:
    """A pair of type-I sine transforms, for comparison. It solves nothing."""
    return lambda: scipy.fft.idstn(scipy.fft.dstn(image, type=1), type=1)


def diffkeras_double(image: NDArray) -> Run:
    return lambda: physics.solve(image, medium=MEDIUM).field


def diffkeras_production(image: NDArray) -> Run:
    """The discs produce; no node is fixed."""
    production = physics.production_of(image, MEDIUM)
    return lambda: physics.solve(production=production, medium=MEDIUM).field


def bare_inverse(image: NDArray) -> Run:
    """One pair of transforms of diffkeras' own, whose tables exist from the first call on."""
    production = physics.production_of(image, MEDIUM)
    return lambda: spectral_operator(image.shape, MEDIUM).inverse(production)


def spsolve(image: NDArray) -> Run:
    system = _free_system(image)
    columns_first = system.matrix.tocsc()
    return lambda: system.field(spl.spsolve(columns_first, system.right))


def superlu(image: NDArray) -> Run:
    """SuperLU in symmetric mode, minimum degree on Aᵀ + A: its best ordering for this problem."""
    system = _free_system(image)
    columns_first = system.matrix.tocsc()

    def run() -> NDArray:
        factors = spl.splu(
            columns_first,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        return system.field(factors.solve(system.right))

    return run


def pyamg_ruge_stuben(image: NDArray) -> Run:
    import pyamg  # noqa: F401 - before a clock starts

    system = _free_system(image)
    return lambda: system.solve(ITERATION_TOLERANCE)


def plain_cg(image: NDArray) -> Run:
    system = _free_system(image)
    return lambda: system.field(spl.cg(system.matrix, system.right, rtol=ITERATION_TOLERANCE)[0])


def explicit_stepping(image: NDArray) -> Run:
    """Forward Euler at 0.9 of the stability limit, until the error is below the tolerance."""
    decay, held = MEDIUM.decay, image != 0
    step = 0.9 * 2 / (8 + decay)

    def run() -> NDArray:
        field = np.zeros((image.shape[0] + 2, image.shape[1] + 2))
        inner = field[1:-1, 1:-1]
        inner[...] = image
        change = np.empty_like(inner)
        for number in range(1, 1_000_000):
            np.add(field[:-2, 1:-1], field[2:, 1:-1], out=change)
            change += field[1:-1, :-2]
            change += field[1:-1, 2:]
            change -= (4 + decay) * inner
            change[held] = 0.0
            # the slowest mode decays at γ or faster: the error is at most the rate of change / γ
            if number % 100 == 0 and np.abs(change).max() <= STEPPING_TOLERANCE * decay:
                break
            change *= step
            inner += change
        return inner

    return run


def fipy_implicit(image: NDArray) -> Run:
    """FiPy's finite volumes. A stiff reaction fixes the values, as FiPy's manual recommends.

    The cells of an additional rim are fixed at 0, like the ghost nodes of an absorbing boundary.
    """
    import fipy

    padded = np.pad(image, 1)
    held = padded != 0
    held[[0, -1]] = held[:, [0, -1]] = True

    def run() -> NDArray:
        mesh = fipy.Grid2D(nx=padded.shape[1], ny=padded.shape[0])
        field = fipy.CellVariable(mesh=mesh)
        stiff = fipy.CellVariable(mesh=mesh, value=1e12 * held.ravel())
        values = fipy.CellVariable(mesh=mesh, value=padded.ravel())
        equation = (
            fipy.DiffusionTerm(coeff=1.0)
            - fipy.ImplicitSourceTerm(coeff=stiff + MEDIUM.decay)
            + stiff * values
        )
        equation.solve(var=field, solver=fipy.LinearLUSolver())
        return np.asarray(field.value).reshape(padded.shape)[1:-1, 1:-1]

    return run


PRODUCTION = "diffkeras production"  # another problem than for the other methods
FLOOR = "transform pair"
METHODS: dict[str, Method] = {
    FLOOR: transform_pair,
    "diffkeras float64": diffkeras_double,
    PRODUCTION: diffkeras_production,
    "spsolve": spsolve,
    "SuperLU symmetric": superlu,
    "PyAMG": pyamg_ruge_stuben,
    "plain CG": plain_cg,
    "explicit stepping": explicit_stepping,
    "FiPy": fipy_implicit,
}


def measure(method: str, side: int, count: int, keep: str | None) -> dict[str, Any]:
    """Measure one method on one problem, in its own process, and write its field.

    Seconds of the first call and the fastest, quartiles of the others, peak memory [MB], and
    seconds of a transform pair, called in turn; with production also of the bare inverse.
    """
    image = source_image(side, count)
    others = {} if method == FLOOR else {"pair": transform_pair(image)}
    if method == PRODUCTION:
        others["bare"] = bare_inverse(image)
    found = first_calls(METHODS[method](image), MOST_CALLS, TIMED_FOR, [*others.values()])
    if keep:
        np.save(keep, found.result)
    result = {name: getattr(found, name) for name in ("first", "fastest", "quartiles", "memory")}
    return {"pair": found.fastest, **result, **dict(zip(others, found.others, strict=True))}


def why_not(method: str, side: int) -> str:
    """The reason to skip a method at this size, or an empty string."""
    if method == "FiPy" and importlib.util.find_spec("fipy") is None:
        return "fipy is not installed"
    if method == "explicit stepping" and side > 512:
        return "takes many minutes"
    bytes_a_node = {"spsolve": 4000, "SuperLU symmetric": 2500, "FiPy": 6000}.get(method, 0)
    if bytes_a_node * side**2 > 0.8 * psutil.virtual_memory().available:
        return "takes more memory than there is"
    return ""


def caption(methods: Sequence[str] = ()) -> str:
    """The machine, what was measured on it, and the versions of what the methods need."""
    others = [name.lower() for name in ("PyAMG", "FiPy") if name in methods]
    statistic = f"the fastest of 2 to {1 + MOST_CALLS} calls within {TIMED_FOR:g} s"
    each = "each row in its own process"
    return f"{describe_times(statistic, ['numpy', 'scipy', *others])}, {each}; peak memory {PEAK}"


def _free_system(image: NDArray) -> FreeSystem:
    return FreeSystem(physics.Problem(image, medium=MEDIUM))
