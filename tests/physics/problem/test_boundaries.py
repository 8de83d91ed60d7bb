"""What sides of a lattice can do: spellings, errors, and what they add to the production."""

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import FixedFlux, FixedValue, Medium, Robin, solve, superpose
from tests.helpers.plain_equations import solve_reference

SIDES = {"top": "absorbing", "bottom": "reflecting", "left": "periodic", "right": "periodic"}
LATTICE = (5, 7)
NOTHING = np.zeros(LATTICE)


def test_sides_by_name_are_the_pairs_of_axes():
    medium = Medium(boundary=SIDES)
    assert medium == Medium(boundary=(("dirichlet", "no-flux"), "periodic"))
    assert medium.side_kinds == medium.sides == (("absorbing", "reflecting"), "periodic")
    assert Medium(boundary=dict.fromkeys(SIDES, "neumann")) == Medium(boundary="reflecting")


def test_sides_that_are_not_named_absorb():
    named = {"top": FixedValue(1.0), "left": "no-flux"}
    medium = Medium(boundary=named)
    rest = {"bottom": "absorbing", "right": "absorbing"}
    assert medium.sides == Medium(boundary={**named, **rest}).sides
    absorbing = "absorbing"
    assert Medium(boundary={"back": "neumann"}).sides == (
        (absorbing, "reflecting"),
        absorbing,
        absorbing,
    )
    # three axes, though no side of the third one is named
    expected = (absorbing, ("reflecting", absorbing), absorbing)
    named = Medium(boundary={"top": "neumann"})
    assert named.on((4, 5, 6)).sides == expected
    assert Medium((1.0, 2.0, 1.0), boundary={"top": "neumann"}).sides == expected
    assert named.on((5, 6)).sides == named.sides == expected[1:]


def test_given_values_and_fluxes_are_part_of_a_medium():
    sides = {**SIDES, "top": FixedValue([1.0] * 7), "bottom": FixedFlux(-0.5)}
    medium = Medium(boundary=sides)
    assert medium == Medium(boundary=sides)
    assert hash(medium) == hash(Medium(boundary=sides))
    zeros = FixedValue([0.0, 1.0]), FixedValue([-0.0, 1.0])
    assert zeros[0] == zeros[1]
    assert hash(zeros[0]) == hash(zeros[1])
    assert medium != Medium(boundary={**sides, "top": FixedValue(1.0)})
    assert medium != Medium(boundary={**sides, "bottom": FixedValue(-0.5)})
    assert medium.side_kinds == (("absorbing", "reflecting"), "periodic")
    assert "FixedFlux(flux=-0.5)" in repr(medium)
    assert not medium.is_closed
    assert Medium(boundary=FixedFlux(1.0)).is_closed
    array = np.ones(7)
    side = FixedValue(array)
    array[0] = 2.0
    assert side == FixedValue(np.ones(7))


def test_a_membrane_against_its_formula():
    # u'' = γ u, u'(0) = α (u − u₀), no flux at L; second order in the step
    decay, coefficient, length = 0.04, 0.3, 20.0
    root = np.sqrt(decay)
    errors = []
    for nodes in (20, 40, 80):
        step = length / nodes
        sides = {"top": Robin(coefficient, 2.0), "bottom": "reflecting"}
        sides |= {"left": "periodic", "right": "periodic"}
        image = np.zeros((nodes, 2))
        field = solve(image, decay=decay, step=step, boundary=sides).field[:, 0]
        z = (np.arange(nodes) + 0.5) * step
        top = 2.0 * coefficient / (coefficient + root * np.tanh(root * length))
        exact = top * np.cosh(root * (length - z)) / np.cosh(root * length)
        errors.append(abs(field - exact).max())
    assert errors[0] / errors[1] > 3.5
    assert errors[1] / errors[2] > 3.5


@pytest.mark.parametrize(
    ("boundary", "message"),
    [
        ({**SIDES, "left": FixedValue(1.0)}, "periodic at both sides or at none, not left value 1"),
        ((("periodic", "absorbing"), "absorbing"), "not top periodic and bottom absorbing"),
        ({"top": "absorbing", "left": "periodic"}, "not left periodic and right absorbing"),
        ({**SIDES, "up": "absorbing"}, "no side 'up'; its sides are top, .* dimensions front"),
        ({**SIDES, "top": "open"}, r"boundary top 'open' is unknown; choose absorbing \(dirichlet"),
        ((("absorbing",) * 3, "absorbing"), r"a pair \(top, bottom\), not \('absorbing'"),
        (1.0, "boundary 1.0 is unknown"),
    ],
)
def test_bad_boundaries_are_refused(boundary, message):
    with pytest.raises(PhysicsError, match=message):
        Medium(boundary=boundary)


@pytest.mark.parametrize("side", [FixedValue, FixedFlux])
def test_bad_numbers_are_refused(side):
    with pytest.raises(
        PhysicsError, match=r"the (value|flux) of a side must be finite, .* not nan"
    ):
        side(np.nan)
    with pytest.raises(PhysicsError, match=r"not inf at node \(1,\)"):
        side([0.0, np.inf])
    with pytest.raises(PhysicsError, match="must be a number, not '1'"):
        side("1")
    with pytest.raises(
        PhysicsError, match=r"the bottom side has shape \(5,\), and the side \(7,\)"
    ):
        solve(NOTHING, boundary=(("absorbing", side(np.ones(5))), "absorbing"))


def test_a_membrane_takes_no_negative_coefficient():
    with pytest.raises(PhysicsError, match=r"the coefficient of a side must be ≥ 0 .* not -0.5"):
        dk.Robin(-0.5, 1.0)
    assert dk.Robin(0.0, -0.5).value == -0.5


def test_a_side_that_takes_away_too_little_is_named():
    with pytest.raises(
        PhysicsError, match=r"with what leaves at the top, must be 0, .* here it is 1e-25 times"
    ):
        solve(NOTHING, decay=0.0, boundary={"top": dk.Robin(1e-25, 1.0), "left": FixedValue(1.0)})


def test_a_flux_needs_something_that_loses():
    closed = {"decay": 0.0, "boundary": ((FixedFlux(1.0), "reflecting"), "periodic")}
    with pytest.raises(PhysicsError, match=r"sum to 7 \(sides included\), .* give decay, uptake"):
        solve(NOTHING, **closed)
    with pytest.raises(PhysicsError, match=r"sum to 7 \(sides included\), cells take up less"):
        solve(NOTHING, **closed, uptake=dk.MichaelisMenten(0.1, 1.0))
    balanced = (FixedFlux(1.0), FixedFlux(-1.0))
    with pytest.raises(PhysicsError, match="every constant solves"):
        solve(NOTHING, decay=0.0, boundary=(balanced, "periodic"))
    image = NOTHING + 0.0
    image[2, 2] = 1.0
    assert solve(image, decay=0.0, boundary=(balanced, "periodic")).field[0].mean() > 1
    with pytest.raises(PhysicsError, match=r"is 2e\+27 \(sides included\)"):
        solve(NOTHING, step=1e3, boundary=FixedFlux(1e30))
    with pytest.raises(PhysicsError, match=r"the flux of the top side .* underflows"):
        solve(NOTHING, decay=1e-60, step=1e30, boundary=FixedFlux(1e-295))


def test_sides_of_an_axis_may_differ_for_some():
    sources = dk.Sources.from_lists([2], [3], [1], [1.0])
    mixed = {"boundary": SIDES, "decay": 0.1}
    exact = solve_reference(sources.image(LATTICE, np.float64), **mixed)
    np.testing.assert_allclose(superpose(sources, LATTICE, **mixed), exact, rtol=0, atol=1e-12)
    with pytest.raises(PhysicsError, match="TensorFlow needs the same boundary at both sides"):
        Medium(boundary=SIDES).boundary_names("the solver in TensorFlow")
