"""Input that is no physical problem: what is refused, and that the message holds the value."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import (
    Medium,
    MichaelisMenten,
    Problem,
    certify,
    sample_sources,
    solve,
    solve_many,
)
from tests.helpers.rounding import same_solutions


def image_with(value: float) -> np.ndarray:
    image = np.zeros((6, 8))
    image[2, 3] = value
    return image


ONE, NOTHING = image_with(1.0), np.zeros((6, 8))
ARRAYS = {
    "masked": (np.ma.masked_array(ONE, mask=ONE > 0), "is a masked array"),
    "complex": (1j * ONE, "holds complex128 values"),
    "text": (ONE.astype(str), "holds <U.* values"),
    "objects": (np.full((6, 8), None), "holds object values"),
    "rounded": (np.full((6, 8), -(2**53) - 1), r"holds -9007199254740993; .* at most 2\^53"),
    "unsigned": (np.full((6, 8), 2**64 - 1, np.uint64), "holds 18446744073709551615; .* at most"),
    "ragged": ([[1.0], [1.0, 2.0]], "is no array"),
    **{str(x): (image_with(x), rf"{x} at node \(2, 3\)") for x in (math.nan, math.inf, -math.inf)},
}
ENTRANCES = [
    ("the source image", solve),
    ("the source image", lambda array: certify(NOTHING, array)),
    ("the fixed mask", lambda array: solve(ONE, fixed=array)),
    ("the production", lambda array: solve(production=array)),
    ("the field", lambda array: certify(array, ONE)),
    ("the initial field", lambda array: solve(ONE, initial=array)),
    ("uptake", lambda array: solve(ONE, uptake=array)),
    ("decay", lambda array: solve(ONE, decay=array)),
]


@pytest.mark.parametrize(("array", "message"), ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize(("name", "entrance"), ENTRANCES)
def test_arrays_that_are_none_are_refused(name, entrance, array, message):
    with pytest.raises(PhysicsError, match=f"{name} .*{message}"):
        entrance(array)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        *(
            ({"source_image": shape}, rf"a source image has shape .*not {re.escape(str(shape))}")
            for shape in [(0,), (5,), (0, 4), (4, 0), (), (2, 3, 8, 8), (0, 8, 8)]
        ),
        ({"source_image": (3, 0, 8)}, "with at least one node"),
        ({"source_image": (2, 3, 8, 8)}, "for several images use diffkeras.solve_many"),
        ({"source_image": (6, 8), "fixed": (8, 6)}, r"\(8, 6\).*\(6, 8\)"),
        ({"source_image": (3, 8, 8), "fixed": (2, 8, 8)}, r"mask has shape \(2, 8, 8\)"),
        ({"source_image": (6, 8), "diffusivity": (3, 4)}, r"shape \(3, 4\).*\(6, 8\)"),
        ({"source_image": (6, 8), "decay": (8,)}, r"decay must be .*\(8,\)"),
        ({"source_image": (6, 8), "uptake": (3, 4)}, r"uptake has shape \(3, 4\), the source"),
        ({"source_image": (6, 8), "initial": (3, 3)}, r"the initial field has shape \(3, 3\)"),
        ({"production": (4,)}, r"a production has shape .* not \(4,\)"),
        ({"production": (3, 4), "decay": (4, 4)}, r"shape \(4, 4\), and the lattice is \(3, 4\)"),
        (
            {"source_image": (3, 4), "production": (5, 4)},
            r"production has shape \(5, 4\), the source image \(3, 4\)",
        ),
        ({}, "there is no source image"),
        ({"fixed": (3, 4), "production": (3, 4)}, "there is no source image"),
        ({"field": (5, 8), "source_image": (6, 8)}, r"\(5, 8\), the problem \(6, 8\)"),
        ({"field": (6, 8, 2), "source_image": (6, 8)}, r"\(6, 8, 2\), the problem .* `squeeze`"),
        ({"field": (1, 8, 6), "source_image": (6, 8)}, r"\(1, 8, 6\), the problem .* `movedim`"),
        ({"field": (6, 8), "source_image": (6, 8, 1)}, r"\(6, 8\), the problem \(6, 8, 1\); `sq"),
        ({"field": (8, 8), "source_image": (3, 8, 8)}, r"\(8, 8\).*\(3, 8, 8\)"),
    ],
)
def test_shapes_that_dont_fit_are_refused(shapes, message):
    arrays = {name: np.ones(shape) for name, shape in shapes.items()}
    with pytest.raises(PhysicsError, match=message):
        certify(**arrays) if "field" in arrays else solve(**arrays)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"diffusivity": -1.0}, "diffusivity must be positive, .* not -1.0"),
        ({"diffusivity": 0.0}, "diffusivity must be positive, .* not 0.0"),
        ({"diffusivity": (1.0, -2.0)}, "diffusivity must be positive, .* not -2.0"),
        ({"diffusivity": (1.0, 2.0, 3.0)}, r"3 axes, and the lattice \(6, 8\) has 2"),
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
        ({"boundary": (["absorbing"], "periodic")}, "boundary"),
        ({"boundary": ("absorbing", np.zeros(3))}, "boundary"),
        ({"boundary": None}, "boundary"),
        ({"diffusivity": [[1.0], [1.0, 2.0]]}, "diffusivity"),
        ({"diffusivity": np.eye(6, 8)}, r"positive, .* not 0.0 at node \(0, 1\)"),
        ({"decay": -np.eye(6, 8)}, r"≥ 0 and finite, not -1.0 at node \(0, 0\)"),
        ({"uptake": -0.1}, "uptake must be ≥ 0 and finite; what cells release .* not -0.1"),
        ({"uptake": -np.eye(6, 8)}, r"not -1.0 at node \(0, 0\)"),
        ({"uptake": "much"}, "uptake"),
        ({"production": np.full((6, 8), 1e40)}, r"largest \|production\| is 1e\+40"),
        ({"production": sample_sources(2, 64, rng=0)}, r"an array of rates, not Sources; .*image"),
        ({"decay": 1e39}, "here it is 1e\\+39 times that"),
        ({"decay": 1e-309}, "must be 0, or 1e-20 to 1e\\+10 times D/h²"),
        ({"decay": np.eye(6, 8) * 1e-40}, "here it is 1e-40 times that"),
        ({"diffusivity": 1e31}, "between 1e-30 and 1e\\+30"),
        ({"step": 1e-31}, "between 1e-30 and 1e\\+30"),
        ({"diffusivity": (1.0, 2e3)}, "factor of 1000"),
        ({"diffusivity": np.linspace(1e-9, 1, 48).reshape(6, 8)}, "factor of 1e\\+08"),
        ({"decay": 1e300, "step": 1e20}, r"decay must be 0, or .* here it is inf times"),
        ({"uptake": MichaelisMenten(1e300, 1e-20)}, "uptake's largest rate is 1e\\+300"),
        *(
            ({"tolerance": tolerance}, "tolerance must lie between 1e-13")
            for tolerance in (1e-17, 0.0, -1e-3, 1.0, math.nan, math.inf)
        ),
        *(
            ({"method": method}, "is unknown; choose one of auto, ring, ring-cg")
            for method in ("magic", np.array(["ring", "auto"]))
        ),
    ],
)
def test_bad_options_are_refused_by_value(options, message):
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


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True, 10**20])
@pytest.mark.parametrize("name", ["processes", "threads"])
def test_numbers_of_processes_and_threads_are_checked(number, name):
    with pytest.raises(PhysicsError, match=f"{name} must be a whole number from 1 to 4096, not"):
        solve_many([Problem(image_with(1.0))], **{name: number})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"boundary": ["absorbing", "periodic"]}, {"boundary": ("absorbing", "periodic")}),
        (
            {"boundary": np.array(["absorbing", "periodic"])},
            {"boundary": ("absorbing", "periodic")},
        ),
        ({"diffusivity": [1.0, 2.0]}, {"diffusivity": (1.0, 2.0)}),
        ({"boundary": "Neumann"}, {"boundary": "reflecting"}),
        ({"boundary": ("no_flux", "dirichlet")}, {"boundary": ("reflecting", "absorbing")}),
        ({"boundary": "zero gradient"}, {"boundary": "reflecting"}),
        (
            {"diffusivity": np.array(2.0), "decay": np.float32(0.5)},
            {"diffusivity": 2, "decay": 0.5},
        ),
    ],
)
def test_lists_and_arrays_stand_for_pairs_and_numbers(given, meant):
    one, other = (solve(image_with(1.0), **o).field for o in (given, meant))
    assert same_solutions(one, other)
    assert Medium(**given) == Medium(**meant)
    assert hash(Medium(**given)) == hash(Medium(**meant))


@pytest.mark.parametrize("boundary", ["reflecting", "periodic", ("periodic", "reflecting")])
def test_problems_without_a_unique_solution_are_refused_with_the_way_out(boundary):
    with pytest.raises(PhysicsError, match=r"no node is fixed.*decay 0.*fix a node"):
        solve(np.zeros((6, 8)), decay=0.0, boundary=boundary)
    # the same without sources has the solution 0 as soon as something decays or leaves
    assert not solve(np.zeros((6, 8)), decay=0.1, boundary=boundary).field.any()
    assert not solve(np.zeros((6, 8)), decay=0.0).field.any()


@pytest.mark.parametrize("length", [0, -10, 1e200, math.nan, math.inf, "long"])
def test_a_diffusion_length_is_a_length(length):
    with pytest.raises(PhysicsError, match="diffusion length must be"):
        Medium().with_diffusion_length(length)


def test_the_diffusion_length_comes_with_the_medium():
    assert Medium().diffusion_length == 20
    assert Medium(diffusivity=(1.0, 4.0), decay=0.25).diffusion_length == 4
    assert Medium(decay=0.0).diffusion_length == math.inf


def test_results_have_short_representations():
    image = image_with(1.0)
    for result in (solve(image), certify(0 * image, image)):
        assert "field=<" in repr(result)
        assert len(repr(result)) < 600
