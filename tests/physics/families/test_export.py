"""`ReducedBasis.export`: SavedModels that compute the fields of a basis without diffkeras."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from tests.helpers.random_families import random_family, tissue_family

WITHOUT_DIFFKERAS = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load("basis")
np.save("got.npy", model.serve(np.load("points.npy")))
assert not any(name.partition(".")[0] == "diffkeras" for name in sys.modules)
"""


@functools.cache
def trained() -> dk.ReducedBasis:
    return dk.ReducedBasis.train(tissue_family(16), 30)


def exported(basis, path):
    basis.export(path)
    return tf.saved_model.load(str(path))


def test_a_program_without_diffkeras_gets_the_fields(tmp_path):
    basis = trained()
    basis.export(tmp_path / "basis")
    points = basis.family.draw(5, seed=1)
    np.save(tmp_path / "points.npy", points)
    subprocess.run(
        [sys.executable, "-c", WITHOUT_DIFFKERAS],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=True,
    )
    fields, got = basis.fields(points), np.load(tmp_path / "got.npy")
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, fields, rtol=0, atol=1e-5 * fields.max())
    fixed = basis.family.problem.fixed
    np.testing.assert_allclose(got[:, fixed], fields[:, fixed], rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_families_of_any_kind(seed, tmp_path):
    basis = dk.ReducedBasis.train(random_family(seed), 8)
    points = basis.family.draw(3, seed=1)
    fields = basis.fields(points)
    model = exported(basis, tmp_path / "basis")
    np.testing.assert_allclose(
        model.serve(points), fields, rtol=0, atol=1e-5 * np.abs(fields).max()
    )


def test_the_description_has_what_is_the_same_for_all_parameters(tmp_path):
    tissue = {"step": 1.0, "diffusivity": 1.0, "boundary": "reflecting"}  # its decay varies
    image, maps = np.eye(8), np.full((8, 8), 0.5)
    side = (("absorbing", dk.FixedValue(2.0)), "periodic")
    sides = {"boundary": [["absorbing", {"value": 2.0}], "periodic"], "step": 0.5}
    region = {"regions": {"free": image == 0}}
    varying = dk.Problem(image, decay=0.1, diffusivity=maps, step=0.5, boundary=side)
    whole = dk.Family(varying, {"values": (1.0, 2.0)})
    part = dk.Family(varying, {"decay[free]": (0.1, 0.2)}, **region)
    cases = [
        (trained(), tissue),
        (dk.ReducedBasis.train(whole, 4), {**sides, "decay": 0.1}),
        (dk.ReducedBasis.train(part, 4), sides),
    ]
    for basis, wanted in cases:
        basis.export(tmp_path / "basis")
        found = json.loads((tmp_path / "basis" / "diffkeras.json").read_text())
        assert found["kind"] == "basis"
        ranges = found["physics"].pop("parameters")
        assert tuple(ranges) == basis.family.names
        ends = np.stack([basis.family.low, basis.family.high], axis=1)
        np.testing.assert_array_equal([*ranges.values()], ends)
        assert found["physics"] == {**wanted, "lattice": list(basis.family.problem.lattice)}


def test_gradients_with_respect_to_parameters_and_points_out_of_the_ranges(tmp_path):
    basis = trained()
    model = exported(basis, tmp_path / "basis")
    point = tf.constant(basis.family.draw(1, seed=2), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(point)
        total = tf.reduce_sum(model.serve(point))
    gradient = tape.gradient(total, point).numpy()[0]
    for number, value in enumerate(point.numpy()[0]):
        step = np.zeros(point.shape[1])
        step[number] = 1e-3 * value
        up, down = (basis.fields(point.numpy()[0] + sign * step).sum() for sign in (1.0, -1.0))
        assert gradient[number] == pytest.approx((up - down) / (2 * step[number]), rel=0.02)
    ends = np.stack([basis.family.low, basis.family.high]).astype(np.float32).astype(float)
    assert np.isfinite(model.serve(ends)).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within"):
        model.serve(2 * basis.family.high[None])
