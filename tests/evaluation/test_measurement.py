import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.evaluation import measurement
from diffkeras.evaluation.images import draw_images
from diffkeras.evaluation.measurement import (
    REACH,
    VALUE_EDGES,
    RadialProfile,
    count_values,
    measure_times,
)
from diffkeras.evaluation.methods import Computed, Method


def test_distances_are_from_the_nearest_source() -> None:
    image = np.zeros((1, 9))
    image[0, [0, 8]] = 1
    truth = np.array([[8, 1, 2, 3, 4, 3, 2, 1, 6]]) / 10
    profile = RadialProfile()
    profile.add(image, truth, truth + 0.01 * np.arange(9))
    assert profile.nodes[:6].tolist() == [2, 2, 2, 2, 1, 0]
    np.testing.assert_allclose(profile.mean_error()[:5], [0.04] * 5)
    assert np.isnan(profile.mean_error()[5:]).all()


def test_images_add_up_and_what_is_far_is_left_out() -> None:
    image = np.zeros((1, REACH + 20))
    image[0, 0] = 1
    profile = RadialProfile()
    for value in (0.2, 0.6):
        profile.add(image, np.full(image.shape, value), np.zeros(image.shape))
    assert profile.nodes.tolist() == [2] * (REACH + 1)
    np.testing.assert_allclose(profile.mean_error(), 0.4)


def test_every_node_is_in_the_histogram_also_beyond_its_edges() -> None:
    truth = np.array([[0.0, 0.5, 1.0]])
    counts = count_values(truth, np.array([[-7.0, 0.5, 9.0]]))
    assert counts.sum() == 3
    at = np.searchsorted(VALUE_EDGES, truth[0], side="right") - 1
    assert counts[at[0], 0] == 1
    assert counts[at[1], at[1]] == 1
    assert counts[at[2], -1] == 1


def test_methods_take_turns_and_times_are_medians_over_rounds(
    tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = draw_images(tiny, 1, range(3)).solve(divide_by_maximum=False)
    calls: list[tuple[str, list[int]]] = []
    now = [0.0]
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: now[0])

    def method(name: str, seconds: list[float], together: bool) -> Method:
        each = iter(seconds)

        def compute(batch) -> Computed:
            calls.append((name, batch.numbers.tolist()))
            now[0] += next(each)
            return Computed(batch.fields)

        return Method(name, compute, together=together)

    monkeypatch.setattr(measurement, "LOOPED", 1)
    methods = [method("a", [9, 2, 4, 8], True), method("b", [9, 3, 3, 3], False)]
    found = measure_times(methods, images, 2, 3)
    assert [name for name, _ in calls] == 4 * ["a", "b"]
    assert [numbers for name, numbers in calls if name == "a"] == [[1, 2], [0, 1], [2, 0], [1, 2]]
    assert found["a"] == {"median": 2000.0, "quartiles": [1500.0, 3000.0]}
    assert found["b"]["median"] == 3000.0, "of the one image that it computed"
