"""Examples: what a recipe takes, and what it draws."""

from dataclasses import replace

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import ExampleRecipe, FixedValue, Medium, Placement, production_of, solve
from tests.helpers.rounding import same_solutions


def test_a_side_is_a_square_lattice():
    one, other = ExampleRecipe(2, 32), ExampleRecipe(2, (32, 32))
    assert one == other
    assert same_solutions(one.example("train", 3).field, other.example("train", 3).field)


@pytest.mark.parametrize("top", ["absorbing", FixedValue(0.5), FixedValue(np.linspace(0, 1, 24))])
def test_sides_of_an_axis_may_differ_and_hold_values(top):
    sides = {"top": top, "bottom": "reflecting", "left": "periodic", "right": "periodic"}
    recipe = ExampleRecipe(2, 24, Medium(boundary=sides), radius=2.0)
    example = recipe.example("train", 3)
    exact = solve(example.source_image.astype(np.float64), boundary=sides).field
    assert same_solutions(example.field, exact)


def test_examples_of_production():
    lattice, medium = (24, 30), Medium(decay=0.02, boundary=("periodic", "absorbing"))
    placement, values = Placement(overlap=True), ("scaled_uniform", 0.01)
    recipe = ExampleRecipe(6, lattice, medium, placement=placement, values=values, production=True)
    plain = recipe.example("train", 3)
    assert np.array_equal(plain.source_image, plain.sources.image())
    assert plain.maximum is None
    exact = solve(production=production_of(plain.source_image, medium), medium=medium).field
    assert exact.dtype == np.float64
    assert same_solutions(plain.field, exact)
    divided = replace(recipe, divide_by_maximum=True).example("train", 3)
    assert same_solutions(divided.field, exact / exact.max())
    assert divided.maximum == pytest.approx(exact.max(), rel=1e-6)


def test_no_source_gives_a_field_of_0_that_is_divided_by_nothing():
    recipe = ExampleRecipe(0, 8, production=True, divide_by_maximum=True)
    example = recipe.example("train", 0)
    assert not example.field.any()


REFUSED: dict[str, tuple] = {
    "count": (1.5, -1, "3"),
    "lattice": ("32", (32, 32, 32), (32, 0)),
    "medium": ({"decay": 0.1}, Medium(decay=np.ones((32, 32)))),
    "radius": ("5", (5, 3)),
    "seed": (-1, 0.5),
    "placement": ("edge", Placement(overlap=True)),
    "values": (3, ("log_uniform", "0.1")),
    "diffusion_length": (5.0, (1.0, 2.0, 3.0), (20.0, 10.0), ("a", 10.0)),
    "production": (1,),
    "divide_by_maximum": (True,),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_recipes_are_refused_before_anything_is_drawn(name):
    for value in REFUSED[name]:
        with pytest.raises(PhysicsError):
            ExampleRecipe(**{"count": 1, "lattice": 32, name: value})
    with pytest.raises(PhysicsError):
        ExampleRecipe(1, 32, Medium(decay=0.0), production=True)


@pytest.mark.parametrize("split", ["training", None, 0])
def test_unknown_splits_are_named(split):
    with pytest.raises(PhysicsError, match=r"split .* is unknown; choose one of train"):
        ExampleRecipe(1, 32).example(split, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [-1, 1.5, "0", None])
def test_numbers_of_examples_are_whole(number):
    with pytest.raises(PhysicsError, match="example's number"):
        ExampleRecipe(1, 32).sources("train", number)  # type: ignore[arg-type]
