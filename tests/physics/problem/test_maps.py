"""Maps by their names, and names that are none."""

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Problem, maps_of, problem_of_maps


def test_one_name_gives_one_map():
    maps = maps_of(Problem(np.eye(4), decay=0.1), "decay")
    np.testing.assert_array_equal(maps["decay"], np.full((4, 4), 0.1))


def test_a_map_of_another_name_is_refused():
    with pytest.raises(PhysicsError, match=r"map 'diffusivty' is unknown; choose .*diffusivity"):
        problem_of_maps(np.eye(4), Medium(), {"diffusivty": 2.0})
    with pytest.raises(PhysicsError, match=r"map 'foo' is unknown"):
        maps_of(Problem(np.eye(4)), ["foo"])


@pytest.mark.parametrize("name", ["uptake", "saturation"])
def test_uptake_and_saturation_come_together(name):
    with pytest.raises(PhysicsError, match="uptake v and saturation K together"):
        problem_of_maps(np.eye(4), Medium(), {name: 0.5})
