import numpy as np
import pytest

from diffkeras.evaluation import measurement
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras.evaluation.measurement import Measurement, measure_bounds, measure_times
from diffkeras.evaluation.methods import SET, ComputedFields, Method, with_sources_set
from diffkeras.physics import Sources
from tests.helpers.known_networks import produced, surrogate_of


def test_methods_take_turns_and_times_are_medians_over_rounds(tiny, monkeypatch):
    images = draw_images(tiny, 1, range(3)).solve(divide_by_maximum=False)
    calls: list[tuple[str, list[int]]] = []
    now = [0.0]
    monkeypatch.setattr(measurement.time, "perf_counter", lambda: now[0])

    def method(name: str, seconds: list[float], together: bool) -> Method:
        each = iter(seconds)

        def compute(batch) -> ComputedFields:
            calls.append((name, batch.numbers.tolist()))
            now[0] += next(each)
            return ComputedFields(batch.fields)

        return Method(name, compute, takes_batches=together)

    monkeypatch.setattr(measurement, "LOOPED", 1)
    methods = [method("a", [9, 2, 4, 8], True), method("b", [9, 3, 3, 3], False)]
    found = measure_times(methods, images, 2, 3)
    assert [name for name, _ in calls] == 4 * ["a", "b"]
    assert [numbers for name, numbers in calls if name == "a"] == [[1, 2], [0, 1], [2, 0], [1, 2]]
    assert found["a"] == {"median": 2000.0, "quartiles": [1500.0, 3000.0]}
    assert found["b"]["median"] == 3000.0, "of the one image that it computed"


def test_only_a_copy_of_a_method_has_its_time(tiny):
    """A name doesn't make a method a copy: a user's model may have a name that ends like one."""
    images = draw_images(tiny, 1, range(3)).solve(divide_by_maximum=False)
    model = Method("x" + SET, lambda batch: ComputedFields(0.5 * batch.fields))
    measured = Measurement([model, with_sources_set(model)])
    measured.add(1, images)
    measured.add_times(1, images, 1)
    assert list(measured.milliseconds) == [model.name]
    own, copy = measured.metrics().values()
    assert own["all"]["milliseconds"] == copy["all"]["milliseconds"] > 0
    # a model that sets the known values itself has no copy
    exact = Method("exact", lambda batch: ComputedFields(batch.fields))
    measured = Measurement([exact, with_sources_set(exact)])
    measured.add(1, images)
    assert list(measured.metrics()) == ["exact"]
    assert set(measured.errors["method"]) == {"exact"}


def test_errors_of_production_are_divided_as_the_dataset_is(tiny):
    config = tiny.with_overrides({"physics.sources": "production", "data.divide_by_maximum": True})
    image = Sources.from_lists([5], [9], [3], [1.0]).image((16, 16))
    exact = produced(image, config.physics.medium)
    shape = exact / exact.max() + np.random.default_rng(0).normal(0, 0.05, image.shape)
    surrogate = surrogate_of(shape[None], config)
    batch = ImageBatch(
        images=image[None],
        fields=(exact / exact.max())[None].astype(np.float32),
        problems=[surrogate.problem(image)],
        maxima=np.float32([exact.max()]),
    )
    predicted = surrogate.predict(image).field
    found = measure_bounds(predicted[None], batch).iloc[0]
    error = abs(predicted - exact) / exact.max()
    assert error.max() > 0.05
    assert found["prediction_max_error"] == pytest.approx(error.max(), rel=1e-4)
    assert found["prediction_mae"] == pytest.approx(error.mean(), rel=1e-4)
    assert found["prediction_bound"] == pytest.approx(error.max(), rel=1e-4)
