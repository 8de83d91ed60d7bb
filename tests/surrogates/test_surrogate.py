import numpy as np
import pytest

from diffkeras.errors import PhysicsError, RunError
from diffkeras.surrogates.surrogate import load_surrogate
from tests.helpers.surrogate_kinds import untrained


def images(shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random(shape) * (rng.random(shape) < 0.1)).astype(np.float32)


def test_predictions_are_on_the_linear_scale(tiny):
    surrogate = untrained(tiny)  # transform sqrt
    x = images((2, 16, 16))
    x /= x.max((1, 2), keepdims=True)  # others are scaled
    raw = surrogate.model.predict_on_batch(np.sqrt(x)[..., None])[..., 0]
    np.testing.assert_allclose(surrogate.predict(x).field, raw * np.abs(raw), rtol=1e-5, atol=1e-7)


def test_images_may_be_lists(tiny):
    surrogate = untrained(tiny)
    x = images((5, 16, 16))
    together = surrogate.predict(x).field
    assert together.shape == (5, 16, 16)
    np.testing.assert_allclose(surrogate.predict(x.tolist()).field, together, atol=1e-6)


@pytest.mark.parametrize("shape", [(16,), (1, 1, 16, 16), (16, 17), (0,)])
def test_other_shapes_are_refused(tiny, shape):
    with pytest.raises(PhysicsError):
        untrained(tiny).predict(np.zeros(shape))


def test_a_padded_model_takes_any_side(tiny):
    surrogate = untrained(tiny.with_overrides({"model.pad": True, "model.depth": 3}))
    for shape in ((16, 16), (13, 18), (1, 1)):
        assert surrogate.predict(images(shape)).field.shape == shape


def test_foreign_directories_are_no_runs(tmp_path):
    with pytest.raises(RunError, match="there is no run directory"):
        load_surrogate(tmp_path / "none")
    with pytest.raises(RunError, match="holds no diffkeras run"):
        load_surrogate(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(RunError, match="holds no diffkeras run"):
        load_surrogate(tmp_path)
    with pytest.raises(RunError, match="there is no run directory"):
        load_surrogate(tmp_path / "a.txt")
    with pytest.raises(RunError, match="there is no run directory aaa") as refusal:
        load_surrogate("a" * 5000)
    assert len(str(refusal.value)) < 400
