"""The medium: values of each kind, equality, and how functions take it."""

import inspect
import re

import numpy as np
import pytest

from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics import (
    FixedValue,
    Medium,
    MichaelisMenten,
    Problem,
    Sources,
    certify,
    effective_strengths,
    production_of,
    solve,
    superpose,
)
from tests.helpers.rounding import same_solutions

LATTICE = (12, 10)
SOURCES = Sources.from_lists([5], [4], [2], [1.0])
IMAGE = SOURCES.image(LATTICE, np.float64)
VARYING = Medium(diffusivity=np.linspace(1, 2, 120).reshape(LATTICE), decay=0.1)

FUNCTIONS = {
    "solve": lambda **medium: solve(IMAGE, **medium).field,
    "certify": lambda **medium: certify(0 * IMAGE, IMAGE, **medium).corrected.field,
    "superpose": lambda **medium: superpose(SOURCES, LATTICE, **medium),
}
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())


@each_function
def test_a_medium_and_its_parts_as_keywords_give_the_same(function):
    parts = {"diffusivity": (2.0, 3.0), "decay": 0.2, "step": 0.5, "boundary": "periodic"}
    assert same_solutions(function(medium=Medium(**parts)), function(**parts))
    assert same_solutions(function(), function(medium=Medium()))


@pytest.mark.parametrize(
    ("function", "more"),
    [
        (solve, ["production", "uptake", "fixed", "medium"]),
        (certify, ["production", "uptake", "fixed", "medium"]),
        (superpose, []),
        (effective_strengths, []),
    ],
)
def test_signatures_show_the_parts_of_a_medium(function, more):
    shown = inspect.signature(function).parameters
    parts = ["diffusivity", "decay", "step", "boundary"]
    assert list(shown)[-len(parts + more) :] == parts + more
    defaults = {name: shown[name].default for name in ("diffusivity", "decay", "boundary")}
    assert defaults == {"diffusivity": 1.0, "decay": 1 / 400, "boundary": "absorbing"}
    assert "**parts" not in str(inspect.signature(function))


@each_function
def test_what_makes_no_medium_is_named(function):
    with pytest.raises(PhysicsError, match="either medium or decay"):
        function(medium=Medium(), decay=0.1)
    with pytest.raises(PhysicsError, match="not a dict"):
        function(medium={"decay": 0.1})
    with pytest.raises(TypeError, match="'difusivity'; do you mean diffusivity"):
        function(difusivity=1.0)
    with pytest.raises(TypeError, match="leave out dt: fields are steady states"):
        function(dt=1)
    with pytest.raises(TypeError, match="leave out dimensions: an array of three axes is a vol"):
        function(dimensions=3)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("D", "diffusivity"),
        ("diffusion_coefficient", "diffusivity"),
        ("lambda_", "decay, which is D/λ² of a diffusion length λ"),
        ("Vmax", "uptake=dk.MichaelisMenten"),
        ("noflux", "boundary='reflecting'"),
        ("tolerence", "tolerance"),
    ],
)
def test_names_of_other_programs_are_answered_by_ours(name, meant):
    for problem in (np.eye(4), Problem(np.eye(4))):
        with pytest.raises(TypeError, match=f"'{name}'; do you mean {re.escape(meant)}"):
            solve(problem, **{name: 1.0})
    with pytest.raises(TypeError, match=f"'{name}'; (do you mean|it takes diff)"):
        Medium(**{name: 1.0})
    with pytest.raises(TypeError, match=f"'{name}'; it takes maximum, constant"):
        MichaelisMenten(1.0, **{name: 1.0})


@pytest.mark.parametrize("uptake", [0.3, np.linspace(0, 1, 120).reshape(LATTICE)])
def test_uptake_in_proportion_adds_to_the_decay(uptake):
    problem = Problem(IMAGE, uptake=uptake, decay=0.01)
    np.testing.assert_allclose(problem.medium.decay, 0.01 + uptake, rtol=1e-15)
    assert problem.uptake is None


def test_a_medium_that_varies_knows_its_lattice():
    assert (VARYING.is_uniform, VARYING.lattice) == (False, LATTICE)
    assert (Medium().is_uniform, Medium().lattice) == (True, None)
    diffusivity = np.ones((3, 4))
    medium = Medium(diffusivity)
    diffusivity[0, 0] = 5.0  # the caller's
    assert medium == Medium(np.ones((3, 4)))
    with pytest.raises(ValueError, match="read-only"):
        medium.diffusivity[0, 0] = 5.0
    assert "diffusivity=<12×10 float64, 1 to 2>" in repr(VARYING)
    assert len(repr(VARYING)) < 120


def test_media_are_equal_by_their_values():
    assert Medium(1, 0.5) == Medium(1.0, np.float32(0.5)) != Medium(1.0, 0.25)
    assert Medium(boundary="periodic") == Medium(boundary=("periodic", "periodic"))
    assert hash(Medium(2.0)) == hash(Medium((2.0, 2.0)))
    other = Medium(diffusivity=np.linspace(1, 2, 120).reshape(LATTICE), decay=0.2)
    assert VARYING == Medium(VARYING.diffusivity, 0.1) != other
    with pytest.raises(TypeError, match="hashed"):
        hash(VARYING)


def test_production_of_an_image_is_its_decay_times_the_image_in_double_precision():
    image = np.float32([[[0.1, 0.0], [0.2, 3.0]]])
    for decay in (0.3, np.array([[0.3, 0.1], [0.2, 0.4]])):
        produced = production_of(image, Medium(decay=decay))
        assert produced.dtype == np.float64
        np.testing.assert_array_equal(produced, decay * image.astype(np.float64))
    with pytest.raises(PhysicsError, match=r"shape \(2, 2\), the source image \(4, 3\)"):
        production_of(np.ones((4, 3)), Medium(decay=decay))


@pytest.mark.parametrize(
    ("wanted", "medium", "message"),
    [
        ("uniform", VARYING, "needs a uniform medium"),
        ("plane", Medium((1.0, 2.0, 3.0)), "needs a medium of 2 dimensions, not of 3"),
        (
            "plain",
            Medium(boundary={"top": FixedValue(1.0)}),
            "needs sides .* top: value 1",
        ),
    ],
)
def test_what_a_function_needs_is_named(wanted, medium, message):
    others = {"uniform", "plane", "plain"} - {wanted}
    medium.require("this", *others)
    with pytest.raises(PhysicsError, match=f"this {message}"):
        medium.require("this", *others, wanted)


SIX = np.ones((3, 2, 2))


@pytest.mark.parametrize(
    ("parts", "dimensions"),
    [
        ({}, 2),
        ({"boundary": ("periodic", "absorbing", "absorbing")}, 3),
        ({"diffusivity": (1.0, 2.0, 3.0)}, 3),
        ({"diffusivity": (1.0, 2.0)}, 2),
        ({"decay": SIX}, 3),
        ({"boundary": {"front": "reflecting"}}, 3),
    ],
)
def test_the_axes_follow_from_parts_that_have_them(parts, dimensions):
    medium = Medium(**parts)
    assert medium.dimensions == medium.normalised().dimensions == dimensions
    assert len(medium.diffusivities) == len(medium.side_kinds) == dimensions


@pytest.mark.parametrize("parts", [{}, {"decay": 0.1, "boundary": "reflecting", "step": 2.0}])
def test_a_medium_without_axes_is_for_both_dimensions(parts):
    image = np.zeros((4, 5, 6))
    image[1, 2, 3] = 1.0
    boundary = (parts.get("boundary", "absorbing"),) * 3
    explicit = Medium(**{**parts, "boundary": boundary})
    problem = Problem(image, medium=Medium(**parts))
    assert problem.medium == explicit
    assert problem.medium.with_unchecked_decay(0.3).dimensions == 3
    assert same_solutions(solve(problem).field, solve(image, medium=explicit).field)
    assert solve(image[1], **parts).field.shape == (5, 6)


@pytest.mark.parametrize(
    ("lattice", "parts", "message"),
    [
        ((2, 2), {"diffusivity": (1.0, 2.0), "boundary": ("periodic",) * 3}, "boundary for 3 axes"),
        ((2, 2), {"decay": SIX, "diffusivity": (1.0, 2.0)}, "decay for 3 axes, diffusivity for 2"),
        ((2, 2), {"decay": SIX, "diffusivity": np.ones((2, 2))}, "one shape, not"),
        ((2, 2), {"decay": SIX}, r"shape \(3, 2, 2\), and the lattice is \(2, 2\)"),
        ((3, 2, 2), {"decay": np.ones((2, 2))}, r"shape \(2, 2\), and the lattice is \(3, 2, 2\)"),
        ((3, 2, 2), {"diffusivity": (1.0, 2.0)}, r"2 axes, and the lattice \(3, 2, 2\) has 3"),
        ((2, 2), {"boundary": {"front": "neumann"}}, r"3 axes, and the lattice \(2, 2\) has 2"),
        (
            (3, 2, 2),
            {"uptake": MichaelisMenten(np.ones((2, 2)), 1.0)},
            "uptake has shape",
        ),
    ],
)
def test_parts_of_other_dimensions_are_refused(lattice, parts, message):
    with pytest.raises(PhysicsError, match=message):
        Problem(np.ones(lattice), **parts)


def test_a_colour_picture_is_no_volume():
    picture = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    with pytest.raises(PhysicsError, match=r"volume of 3 columns of bytes; of a colour picture"):
        Problem(picture)
    with pytest.warns(ProblemWarning, match=r"volume of 4 columns; of a colour picture, give one"):
        Problem(np.random.default_rng(0).random((20, 24, 4)))
    assert Problem(picture[..., 0] / 255).lattice == (20, 24)


def test_what_is_no_law_of_uptake_is_answered_with_those_that_are():
    with pytest.raises(TypeError, match="takes maximum and constant alone; leave out the value 3"):
        MichaelisMenten(1.0, 0.5, 3)
    for law in (lambda u: u, MichaelisMenten):
        with pytest.raises(PhysicsError, match=r"laws that saturate are MichaelisMenten\(maximum"):
            Problem(np.eye(8), uptake=law)
