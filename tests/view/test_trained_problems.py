"""The problems that a surrogate takes, those that it refuses, and the inputs of its network."""

from typing import Any

import numpy as np
import pytest

from diffkeras import Medium, MichaelisMenten, Problem, Sources
from diffkeras.errors import PhysicsError
from diffkeras.physics import FixedValue
from diffkeras.physics.problem.uptake import CappedUptake

KINDS: dict[str, dict[str, Any]] = {
    "one medium": {},
    "lengths": {"physics.decay": 1 / 400, "data.diffusion_length": [1.1, 20]},
    "tissue": {"data.tissue": {"cells": [3, 9], "regions": [2, 3]}},
    "cells": {
        "data.tissue": {"cells": [3, 9], "saturation": [0.1, 0.4], "secreting_cells": [1, 3]}
    },
    "production": {"physics.sources": "production"},
}
MAPS = {"diffusivity": np.full((16, 16), 0.5), "decay": np.full((16, 16), 0.1)}
CELLS: dict[str, Any] = {"uptake": MichaelisMenten(np.full((16, 16), 0.3), 0.2), "diffusivity": 0.5}
COMPLETE: dict[str, dict[str, Any]] = {
    "one medium": {},
    "lengths": {"diffusion_length": 5.0},
    "tissue": MAPS,
    "cells": CELLS,
    "production": {},
}
IMAGE = np.zeros((16, 16))
IMAGE[4:8, 5:9] = 0.7


@pytest.fixture(scope="module")
def configs(tiny):
    changes = {"tissue": {"model.corrections": 1, "model.transform": "linear"}}
    changes["cells"] = changes["tissue"]
    return {
        kind: tiny.with_overrides({**values, **changes.get(kind, {})})
        for kind, values in KINDS.items()
    }


ONES = np.ones((1, 16, 16, 1), np.float32)
INPUTS: dict[str, dict[str, Any]] = {  # beside the source image
    "lengths": {"diffusion_length": [5.0]},
    "tissue": {"diffusivity": 0.5 * ONES, "decay": np.float32(0.1) * ONES},
    "cells": {
        "diffusivity": 0.5 * ONES,
        "uptake": np.float32(0.3) * ONES,
        "saturation": np.float32(0.2) * ONES,
        "production": 0 * ONES,
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_has_the_medium_of_the_training(configs, kind):
    view = configs[kind].view
    problem = view.problem(IMAGE, **COMPLETE[kind])
    assert problem.medium.step == configs[kind].physics.medium.step
    assert (problem.production is not None) == (kind == "production")
    inputs, expected = view.inputs([problem]), INPUTS.get(kind, {})
    assert inputs.keys() == {"source_images", *expected}
    for name, values in {"source_images": IMAGE[None, ..., None], **expected}.items():
        np.testing.assert_array_equal(inputs[name], np.float32(values))
        assert inputs[name].dtype == np.float32
        assert len(view.shapes[name]) == inputs[name].ndim


def test_problems_may_have_own_media(configs):
    view, lengths = configs["lengths"].view, np.float32([1.1, 2.3, 20])
    problems = [view.problem(IMAGE, diffusion_length=float(length)) for length in lengths]
    inputs = view.inputs([*problems, view.problem(IMAGE, decay=1 / 25)])
    assert inputs["source_images"].shape == (4, 16, 16, 1)
    np.testing.assert_array_equal(inputs["diffusion_length"], [*lengths, 5])


def test_the_image_of_a_production_is_the_production_over_the_decay(configs):
    config = configs["production"]
    problem = Problem(production=0.05 * np.float32(IMAGE), medium=config.physics.medium)
    decays = np.full(IMAGE.shape, config.physics.medium.decay)  # the same numbers in an array
    everywhere = Problem(
        production=problem.production, medium=config.physics.medium.with_unchecked_decay(decays)
    )
    for one in (problem, everywhere):
        found = config.view.inputs([one])["source_images"][0, ..., 0]
        np.testing.assert_array_equal(found, np.float32(IMAGE))
    sources = Sources.from_lists([5], [6], [2.0], [0.5])
    made = config.view.problem(Sources(**{**vars(sources), "lattice": (16, 16)}))
    assert made.production is not None
    assert made.production.max() == pytest.approx(0.05 * 0.5)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "one medium",
            {"diffusion_length": 5.0},
            r"one medium, of .* 4\.47214; leave out the diff",
        ),
        ("one medium", {"decay": 0.1}, r"has the decay 0\.1 instead of 0\.05"),
        ("one medium", {"decay": MAPS["decay"] + IMAGE}, r"has the decay 0\.1 to 0\.8 instead"),
        ("one medium", {"diffusivity": (1.0, 2.0)}, "has the diffusivity"),
        ("one medium", {"step": 2.0}, "has the step 2 instead of 1 .* and 0.25 times the diff"),
        (
            "one medium",
            {"boundary": "reflecting"},
            "has the boundary 'reflecting' instead of 'absorbing'",
        ),
        ("one medium", {"boundary": {"top": FixedValue(1.0)}}, "has the boundary 'top: value 1, "),
        ("one medium", {"production": MAPS["decay"]}, "without production"),
        ("one medium", {"uptake": CELLS["uptake"]}, "uptake saturates in the problem"),
        ("one medium", {"fixed": np.ones((16, 16), bool)}, "without fixed nodes of value 0"),
        ("one medium", {"medium": Medium(), "decay": 0.1}, "give either medium or"),
        ("lengths", {"diffusion_length": None}, "1.1 to 20; give the diffusion length"),
        ("lengths", {"diffusion_length": 1.0}, "1.1 to 20, and 1 lies outside"),
        ("lengths", {"decay": 0.1}, "either the diffusion length or the decay"),
        (
            "lengths",
            {"diffusion_length": None, "decay": MAPS["decay"]},
            "has the decay 0.1 instead",
        ),
        ("tissue", {"diffusivity": None}, "diffusivity and decay vary; give the diffusivity"),
        ("tissue", {"decay": np.ones((8, 16))}, "arrays of diffusivity and decay have one shape"),
        ("tissue", {"diffusivity": np.full((16, 16), 1e30)}, "diffusivity holds|contrast|decay"),
        ("cells", {"uptake": None}, r"give the uptake as MichaelisMenten\(maximum, constant\)"),
        ("cells", {"uptake": CappedUptake(0.3, 0.5)}, "give the uptake as MichaelisMenten"),
        ("cells", {"uptake": 0.3}, "give the uptake as MichaelisMenten"),
        ("cells", {"production": -MAPS["decay"]}, r"take production between 0 and .* has -0\.1"),
        ("production", {"production": IMAGE}, "leave out the production"),
    ],
)
def test_what_it_was_not_trained_for_is_refused_by_name(configs, kind, change, message):
    keywords = {name: v for name, v in {**COMPLETE[kind], **change}.items() if v is not None}
    with pytest.raises(PhysicsError, match=message):
        configs[kind].view.inputs([configs[kind].view.problem(IMAGE, **keywords)])


@pytest.mark.parametrize(
    ("kind", "problem", "message"),
    [
        ("one medium", Problem(-IMAGE, decay=0.05), r"source values between 0 and .* has -0\.7"),
        ("one medium", Problem(np.zeros((4, 4, 4))), r"two dimensions, .* \(4, 4, 4\)"),
        ("production", Problem(IMAGE, production=IMAGE, decay=0.05), "the problem fixes nodes"),
    ],
)
def test_problems_that_no_surrogate_takes(configs, kind, problem, message):
    with pytest.raises(PhysicsError, match=message):
        configs[kind].view.inputs([problem])
