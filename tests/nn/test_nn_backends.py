import importlib.util

import pytest


@pytest.fixture(scope="module")
def on_tensorflow(run_script):
    return run_script("backend_script.py", KERAS_BACKEND="tensorflow")["values"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, run_script, request):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = run_script("backend_script.py", KERAS_BACKEND=backend)
    assert result["backend"] == backend
    assert result["values"].pop("plain mae") == "raises"
    expected = dict(request.getfixturevalue("on_tensorflow"))
    assert expected.pop("plain mae") == "raises"
    assert result["values"] == pytest.approx(expected, rel=1e-4, nan_ok=True)
