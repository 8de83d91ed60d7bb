import itertools
import json

import numpy as np
import pytest

from diffkeras.nn.equation.equations import BOUNDARIES, LatticeOperator
from diffkeras.physics import FixedFlux, FixedValue, Medium, Robin
from diffkeras.physics.linear.finite_volumes import finite_volumes
from diffkeras.physics.problem.problem import Problem
from diffkeras.view.scales import channel_of_map

LATTICE = (9, 14)
D0, STEP = 3.0, 0.5


def maps(rng):
    return {
        "diffusivity": rng.uniform(0.2, 3.0, (*LATTICE, 1)),
        "decay": rng.uniform(0.0, 2.0, (*LATTICE, 1)) * (rng.random((*LATTICE, 1)) < 0.7),
    }


def network_input(image, varying):
    channels = [channel_of_map(name, values, D0, STEP) for name, values in varying.items()]
    return np.concatenate([image[..., None], *channels], axis=-1)[None].astype(np.float32)


PAIRS = list(itertools.product(BOUNDARIES, BOUNDARIES))
CASES = [(pair, ("diffusivity", "decay")) for pair in PAIRS]
CASES += [(("absorbing", "reflecting"), (name,)) for name in ("diffusivity", "decay")]


@pytest.mark.parametrize(("boundaries", "names"), CASES)
def test_the_equations_are_those_of_physics(boundaries, names):
    rng = np.random.default_rng(0)
    varying = {name: values for name, values in maps(rng).items() if name in names}
    parts = {"diffusivity": D0, "decay": 0.3} | {k: v[..., 0] for k, v in varying.items()}
    exact = finite_volumes(LATTICE, Medium(**parts, step=STEP, boundary=boundaries))
    operator = LatticeOperator(0.3 * STEP**2 / D0, boundaries, maps=names)
    equations = operator.equations(network_input(np.zeros(LATTICE), varying))
    unit = D0 / STEP**2
    for result, expected in zip(equations.couplings, exact.couplings, strict=True):
        np.testing.assert_allclose(unit * result[0], expected, rtol=1e-5)
    np.testing.assert_allclose(unit * equations.row_sums[0], exact.row_sums, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(unit * equations.diagonal()[0], exact.diagonal, rtol=1e-5)
    field = rng.standard_normal(LATTICE).astype(np.float32)
    applied = unit * np.asarray(equations.apply(field[None]))[0]
    np.testing.assert_allclose(applied, exact.apply(field), rtol=1e-4, atol=2e-4)
    sizes = unit * np.asarray(equations.sizes(field[None]))[0]
    np.testing.assert_allclose(sizes, exact.apply_with_sizes(field)[1], rtol=1e-4)


@pytest.mark.parametrize("names", [("decay",), ("diffusivity", "decay"), ("decay", "production")])
def test_sides_with_values_fluxes_and_exchange_are_those_of_physics(names):
    rng = np.random.default_rng(2)
    varying = {**maps(rng), "production": rng.uniform(0.0, 2.0, (*LATTICE, 1))}
    varying = {name: values for name, values in varying.items() if name in names}
    parts = {name: varying[name][..., 0] for name in varying if name != "production"}
    released = varying.get("production", np.zeros((*LATTICE, 1)))[..., 0]
    sides = ((FixedValue(0.7), FixedFlux(-0.3)), (Robin(0.8, 1.5), FixedValue(-2.0)))
    medium = Medium(**{"diffusivity": D0, **parts}, step=STEP, boundary=sides)
    problem = Problem(np.zeros(LATTICE), medium=medium, production=released).reduced
    exact = finite_volumes(LATTICE, problem.medium)
    flux, exchange = -0.3 * STEP / D0, {"coefficient": 0.8 * STEP / D0, "value": 1.5}
    boundaries = [[{"value": 0.7}, {"flux": flux}], (exchange, {"value": -2})]
    operator = LatticeOperator(boundaries=boundaries, maps=tuple(varying))
    assert LatticeOperator.of(json.loads(json.dumps(operator.get_config()))) == operator
    x, unit = network_input(np.zeros(LATTICE), varying), D0 / STEP**2
    equations = operator.equations(x)
    np.testing.assert_allclose(unit * equations.row_sums[0], exact.row_sums, rtol=1e-5, atol=1e-6)
    result = unit * np.asarray(operator.production(x))[0]
    np.testing.assert_allclose(result, problem.production, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maps": ("decay", "diffusivity")}, r"maps must be .* in this order"),
        ({"maps": ("decay", "uptake")}, "uptake together with saturation"),
        ({"maps": ("depth",)}, "map 'depth' is unknown; choose one of diffusivity, "),
        ({"boundaries": ("open", "absorbing")}, "boundary 'open' is unknown"),
        (
            {"boundaries": ({"given": 1}, "absorbing")},
            "a side has a value, a flux, or .*given",
        ),
        ({"decay": float("nan")}, "decay must be positive and finite, not nan"),
        ({"decay": 0.0, "boundaries": ("periodic", "reflecting")}, "decay must be positive"),
        ({"lengths": (1.0, float("inf"))}, "length must be positive and finite"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LatticeOperator(**options)
