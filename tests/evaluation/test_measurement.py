from diffkeras.evaluation import timing
from diffkeras.evaluation.images import draw_images
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods.table import SET, ComputedFields, Method, with_sources_set
from diffkeras.evaluation.timing import measure_times


def test_methods_take_turns_and_times_are_medians_over_rounds(tiny, monkeypatch):
    images = draw_images(tiny, 1, range(3)).solve(divide_by_maximum=False)
    calls: list[tuple[str, list[int]]] = []
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def method(name: str, seconds: list[float], together: bool) -> Method:
        each = iter(seconds)

        def compute(batch) -> ComputedFields:
            calls.append((name, batch.numbers.tolist()))
            now[0] += next(each)
            return ComputedFields(batch.fields)

        return Method(name, compute, takes_batches=together)

    monkeypatch.setattr(timing, "LOOPED", 1)
    methods = [method("a", [9, 2, 4, 8], True), method("b", [9, 3, 3, 3], False)]
    found = measure_times(methods, images, 2, 3)
    assert [name for name, _ in calls] == 4 * ["a", "b"]
    assert [numbers for name, numbers in calls if name == "a"] == [[1, 2], [0, 1], [2, 0], [1, 2]]
    assert found["a"] == {"median": 2000.0, "quartiles": [1500.0, 3000.0]}
    assert found["b"]["median"] == 3000.0, "of the one image that it computed"


def test_only_a_copy_of_a_method_has_its_time(tiny):
    """A name doesn't make a method a copy: that of a user's model may end like one."""
    images = draw_images(tiny, 1, range(3)).solve(divide_by_maximum=False)
    model = Method("x" + SET, lambda batch: ComputedFields(0.5 * batch.fields))
    measured = Measurement([model, with_sources_set(model)])
    measured.add(1, images)
    measured.add_times(1, images, 1)
    assert list(measured.milliseconds) == [model.name]
    own, copy = measured.metrics().values()
    assert own["all"]["milliseconds"] == copy["all"]["milliseconds"] > 0


def test_a_copy_that_differs_nowhere_is_left_out(tiny):
    """Where a model sets the known values itself."""
    images = draw_images(tiny, 1, range(3)).solve(divide_by_maximum=False)
    model = Method("exact", lambda batch: ComputedFields(batch.fields))
    measured = Measurement([model, with_sources_set(model)])
    measured.add(1, images)
    assert list(measured.metrics()) == ["exact"]
    assert set(measured.errors["method"]) == {"exact"}
