import numpy as np
import pytest

from diffkeras.errors import PhysicsError, RunError
from diffkeras.surrogates.surrogate import load_surrogate
from tests.helpers.surrogate_kinds import untrained


def images(shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random(shape) * (rng.random(shape) < 0.1)).astype(np.float32)


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
