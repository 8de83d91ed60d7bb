"""A hash that tells families apart, and by which the file of a basis knows its own."""

import hashlib

import numpy as np

from diffkeras.physics.families.parameters import Parameter
from diffkeras.physics.problem.parts import parts_of
from diffkeras.physics.problem.problem import Problem

# where the classes of uptake were when bases were stored first, wherever they are now
UPTAKE_PATH = "diffkeras.physics.problem.uptake."


def fingerprint_of(problem: Problem, parameters: tuple[Parameter, ...]) -> str:
    """The SHA-256 of a problem, the regions and the ranges, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    names = tuple(parameter.name for parameter in parameters)
    digest.update(repr((problem.lattice, problem.medium.side_kinds, names)).encode())
    uptake = problem.uptake
    path = "NoneType" if uptake is None else UPTAKE_PATH + type(uptake).__name__
    digest.update(f"<class '{path}'>".encode())
    for name, part in parts_of(problem).items():
        digest.update(name.encode() + np.asarray(part, np.float64).tobytes())
    digest.update(np.packbits(problem.fixed).tobytes())
    for parameter in parameters:
        if parameter.has_region:
            digest.update(np.asarray(parameter.nodes, np.int64).tobytes())
    numbers = [(p.low, p.high, p.is_logarithmic) for p in parameters]
    digest.update(np.array(numbers, np.float64).T.tobytes())
    return digest.hexdigest()
