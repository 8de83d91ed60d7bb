"""Input that is no physical problem: what is refused, and that the message holds the value."""

import math
from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import ConvergenceError, DiffkerasError, PackingError, PhysicsError
from diffkeras.physics import Medium, MichaelisMenten, Problem, certify, sample_sources, solve
from diffkeras.physics.equations.axis import Axis


def image_with(value: float) -> np.ndarray:
    image = np.zeros((6, 8))
    image[2, 3] = value
    return image


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_named_with_their_node(value):
    with pytest.raises(PhysicsError, match=rf"{value} at node \(2, 3\)"):
        solve(image_with(value))


@pytest.mark.parametrize("shape", [(0,), (5,), (0, 4), (4, 0), ()])
def test_images_that_are_no_lattice_are_refused_by_shape(shape):
    with pytest.raises(PhysicsError) as failure:
        solve(np.ones(shape))
    assert str(shape) in str(failure.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"diffusivity": -1.0}, "diffusivity must be positive, .* not -1.0"),
        ({"diffusivity": 0.0}, "diffusivity must be positive, .* not 0.0"),
        ({"diffusivity": (1.0, -2.0)}, "diffusivity must be positive, .* not -2.0"),
        ({"diffusivity": (1.0, 2.0, 3.0)}, r"in 3 dimensions .* not \(6, 8\)"),
        ({"diffusivity": (1.0, 2.0, 3.0, 4.0)}, "2 or 3 axes, not 4 values"),
        ({"diffusivity": math.nan}, "not nan"),
        ({"decay": -0.25}, "decay must be ≥ 0 and finite, not -0.25"),
        ({"decay": math.inf}, "not inf"),
        ({"step": 0.0}, "step must be positive, .* not 0.0"),
        ({"step": math.nan}, "not nan"),
        ({"boundary": "open"}, "'open' is unknown; choose absorbing"),
        ({"boundary": ("periodic", "open")}, "'open' is unknown"),
        ({"boundary": {"left": 3.0}}, r"left 3.0 is unknown; .* FixedValue\(3.0\), FixedFlux"),
        ({"boundary": ("periodic",)}, "2 or 3 axes"),
        ({"diffusivity": np.ones((3, 4))}, r"shape \(3, 4\).*\(6, 8\)"),
        ({"decay": np.ones(8)}, r"decay must be .*\(8,\)"),
        ({"diffusivity": np.eye(6, 8)}, r"positive, .* not 0.0 at node \(0, 1\)"),
        ({"decay": -np.eye(6, 8)}, r"≥ 0 and finite, not -1.0 at node \(0, 0\)"),
        ({"fixed": np.ones((8, 6), dtype=bool)}, r"\(8, 6\).*\(6, 8\)"),
        ({"fixed": np.ones(8, dtype=bool)}, r"\(8,\).*\(6, 8\)"),
    ],
)
def test_bad_options_are_refused_by_value(options, message):
    with pytest.raises(PhysicsError, match=message):
        solve(image_with(1.0), **options)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": 1e300, "step": 1e20}, "decay is inf to inf"),
        ({"uptake": MichaelisMenten(1e300, 1e-20)}, "uptake's largest rate is 1e\\+300"),
    ],
)
def test_numbers_that_overflow_are_refused_without_a_warning(options, message):
    with pytest.raises(PhysicsError, match=message):
        solve(image_with(1.0), **options)


NO_NUMBERS = ("1", None, 1j, [1.0, 2.0, 3.0, 4.0], True, np.array([0.5, 0.5, 0.5]), 10**400)


@pytest.mark.parametrize("name", ["diffusivity", "decay", "step", "tolerance"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(PhysicsError, match=name) as refusal:
        solve(image_with(1.0), **{name: value})
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("image", ["a.png", Path("a.npy"), Problem(np.eye(4))])
def test_what_is_no_array_is_named(image):
    kind = type(image).__name__
    with pytest.raises(PhysicsError, match=f"the field is a {kind}, not an array of numbers"):
        certify(image, np.eye(4))


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**64 - 1])
def test_whole_numbers_that_float64_rounds_are_refused(number):
    with pytest.raises(PhysicsError, match=rf"source image holds {number}; .*2\^53"):
        solve(np.full((2, 2), number))
    assert solve(np.full((2, 2), 2**53)).field[0, 0] == 2**53


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True, 10**20])
@pytest.mark.parametrize("name", ["processes", "threads"])
def test_numbers_of_processes_and_threads_are_checked(number, name):
    with pytest.raises(PhysicsError, match=f"{name} must be a whole number from 1 to 4096, not"):
        solve(image_with(1.0), **{name: number})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"boundary": ["absorbing", "periodic"]}, {"boundary": ("absorbing", "periodic")}),
        (
            {"boundary": np.array(["absorbing", "periodic"])},
            {"boundary": ("absorbing", "periodic")},
        ),
        ({"diffusivity": [1.0, 2.0]}, {"diffusivity": (1.0, 2.0)}),
        (
            {"diffusivity": np.array(2.0), "decay": np.float32(0.5)},
            {"diffusivity": 2, "decay": 0.5},
        ),
    ],
)
def test_lists_and_arrays_stand_for_pairs_and_numbers(given, meant):
    one, other = (solve(image_with(1.0), **o).field for o in (given, meant))
    assert np.array_equal(one, other)
    assert Medium(**given) == Medium(**meant)
    assert hash(Medium(**given)) == hash(Medium(**meant))


@pytest.mark.parametrize(
    "options",
    [
        {"fixed": np.full((6, 8), "x")},
        {"fixed": [[1], [1, 2]]},
        {"diffusivity": [[1.0], [1.0, 2.0]]},
        {"decay": [[1.0], [1.0, 2.0]]},
        {"decay": np.full((6, 8), "x")},
        {"boundary": (["absorbing"], "periodic")},
        {"boundary": ("absorbing", np.zeros(3))},
        {"boundary": None},
    ],
)
def test_arrays_of_something_else_are_refused(options):
    for image in (image_with(1.0), image_with(1.0)[None]):
        with pytest.raises(PhysicsError):
            solve(image, **options)


@pytest.mark.parametrize("boundary", ["reflecting", "periodic", ("periodic", "reflecting")])
def test_problems_without_a_unique_solution_are_refused_with_the_way_out(boundary):
    with pytest.raises(PhysicsError, match=r"no node is fixed.*decay 0.*fix a node"):
        solve(np.zeros((6, 8)), decay=0.0, boundary=boundary)
    # the same without sources has the solution 0 as soon as something decays or leaves
    assert not solve(np.zeros((6, 8)), decay=0.1, boundary=boundary).field.any()
    assert not solve(np.zeros((6, 8)), decay=0.0).field.any()


def test_an_axis_without_nodes_is_refused():
    with pytest.raises(PhysicsError, match="not 0"):
        Axis(0, "absorbing")


def test_every_error_is_the_packages_own_and_a_python_kind():
    assert issubclass(PackingError, PhysicsError)
    assert issubclass(PhysicsError, ValueError)
    assert issubclass(ConvergenceError, ArithmeticError)
    assert issubclass(PhysicsError, DiffkerasError)


def test_the_diffusion_length_comes_with_the_medium():
    assert Medium().diffusion_length == 20
    assert Medium(diffusivity=(1.0, 4.0), decay=0.25).diffusion_length == 4
    assert Medium(decay=0.0).diffusion_length == math.inf


@pytest.mark.parametrize(
    "fixed",
    [
        np.ma.masked_array(np.ones((6, 8)), mask=np.eye(6, 8)),
        np.full((6, 8), math.nan),
        np.full((6, 8), 1j),
    ],
    ids=["masked", "nan", "complex"],
)
@pytest.mark.parametrize("batch", [False, True])
def test_masks_that_are_none_are_refused(fixed, batch):
    image = image_with(1.0)
    with pytest.raises(PhysicsError, match="the fixed mask"):
        solve(np.stack([image, image]) if batch else image, fixed=fixed)


@pytest.mark.parametrize(
    "image",
    [
        np.ma.masked_array(np.ones((6, 8)), mask=np.eye(6, 8)),
        np.full((6, 8), 1j),
        np.full((6, 8), "1"),
        np.full((6, 8), None),
    ],
    ids=["masked", "complex", "text", "objects"],
)
@pytest.mark.parametrize("function", [solve, lambda image: certify(np.zeros((6, 8)), image)])
@pytest.mark.parametrize("processes", [None, 2])
def test_batches_are_checked_as_single_images_are(image, function, processes):
    stacked = np.ma.stack([image, image]) if np.ma.isMaskedArray(image) else np.stack([image] * 2)
    for given in (image, stacked):
        with pytest.raises(PhysicsError, match="the source image"):
            function(given) if processes is None else solve(given, processes=processes)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *(("dirichlet", "absorbing"), ("Neumann", "reflecting"), ("no-flux", "reflecting")),
        *(("noflux", "reflecting"), ("no_flux", "reflecting"), ("Zero-Flux", "reflecting")),
        *(("zero gradient", "reflecting"), ("Insulated", "reflecting")),
    ],
)
def test_aliases_of_boundaries_are_stored_by_their_names(alias, name):
    assert Medium(boundary=alias).boundary == name
    assert Medium(boundary=(alias, "periodic")) == Medium(boundary=(name, "periodic"))


def test_results_have_short_representations():
    image = image_with(1.0)
    for result in (
        solve(image),
        solve(np.stack([image] * 40)),
        certify(0 * image, image),
    ):
        assert "field=<" in repr(result)
        assert len(repr(result)) < 600


def test_sources_are_no_production():
    with pytest.raises(PhysicsError, match=r"an array of rates, not Sources; .*image\(\)"):
        solve(production=sample_sources(2, 64, rng=0))


def test_a_medium_of_another_shape_than_the_production():
    with pytest.raises(PhysicsError, match=r"shape \(4, 4\), the production \(3, 4\)"):
        solve(production=np.ones((3, 4)), decay=np.ones((4, 4)))
