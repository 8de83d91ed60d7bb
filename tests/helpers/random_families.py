"""Small families of problems of any kind."""

import numpy as np

import diffkeras as dk
from tests.helpers.random_problems import moderate_problem

WIDEST = 4.0  # factor between a part's value and the ends of its range


def random_family(seed: int) -> dk.Family:
    """A family of a random problem: some parts as a whole, some in a region."""
    problem = moderate_problem(seed)
    rng = np.random.default_rng([seed, 2])
    parameters, regions = {}, {}
    for name, part in dk.parts_of(problem).items():
        if name == "values" and not problem.fixed.any():
            continue
        if rng.random() < 0.4:
            continue
        acts_on = problem.fixed if name == "values" else ~problem.fixed
        region = (rng.random(problem.lattice) < 0.5) & acts_on
        on_lattice = name != "step" and not name.startswith("boundary.")
        if on_lattice and region.any() and rng.random() < 0.7:
            regions[name.replace(".", "_")] = region
            name = f"{name}[{name.replace('.', '_')}]"
        middle = max(float(np.mean(part)), 0.05)
        factor = rng.uniform(1.3, WIDEST)
        parameters[name] = (middle / factor, middle * factor)
    parameters = parameters or {"decay": (0.02, 0.3)}
    linear = [name for name in parameters if rng.random() < 0.3]
    return dk.Family(problem, parameters, regions=regions, linear=linear)


def tissue_family(side: int = 24) -> dk.Family:
    """A tissue of two kinds of cells that saturate around vessels, with five parameters."""
    rng = np.random.default_rng(3)
    vessels = np.zeros((side, side))
    vessels[3:6, 4:7] = vessels[side - 7 : side - 4, side // 2 : side // 2 + 3] = 1.0
    kinds = np.kron(rng.integers(0, 3, (side // 4, side // 4)), np.ones((4, 4), int))
    kinds[vessels > 0] = 0
    problem = dk.Problem(
        vessels,
        uptake=dk.MichaelisMenten(0.01 * (kinds > 0), 0.2),
        decay=0.002,
        boundary="reflecting",
    )
    return dk.Family(
        problem,
        {
            "uptake.maximum[tumour]": (0.005, 0.05),
            "uptake.maximum[stroma]": (0.002, 0.02),
            "uptake.constant": (0.05, 0.5),
            "decay": (5e-4, 5e-3),
            "values[vessels]": (0.5, 2.0),
        },
        regions={"tumour": kinds == 1, "stroma": kinds == 2, "vessels": vessels > 0},
    )
