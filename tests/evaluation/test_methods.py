"""Methods, and predictions of other programs, which belong to their test images."""

import re

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation import images as stored
from diffkeras.evaluation import methods
from diffkeras.evaluation.figures import STYLES
from diffkeras.evaluation.images import draw_images
from diffkeras.evaluation.methods import of_predictions
from diffkeras.evaluation.section import BASELINES

LENGTHS = {"physics.decay": 1 / 400, "data.diffusion_length": [1.0, 20.0]}
DIVIDED = {"physics.sources": "production", "data.divide_by_maximum": True}


def side(value):
    return {"physics.boundary": {"top": {"value": value}}}


@pytest.mark.parametrize("divided", [False, True])
def test_predictions_are_found_by_their_numbers(tiny, tmp_path, divided, monkeypatch):
    changes = {"data.sources": "2", "data.test_examples": 3, **(DIVIDED if divided else {})}
    config = tiny.with_overrides(changes)
    batch = draw_images(config, 2, range(3)).solve(divide_by_maximum=divided)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields)
    images = stored.TestImages(config, tmp_path)
    parts = [batch.part([0, 1]), batch.part([2])]
    monkeypatch.setattr(stored.TestImages, "batches", lambda *_: parts)
    subject = of_predictions(tmp_path / "mine.npz", images)
    part = batch.part([2, 0])
    found = subject.methods[0].compute(part).fields
    np.testing.assert_allclose(found, batch.fields[[2, 0]], rtol=1e-6)
    exact = part.fields if part.maxima is None else part.fields * part.maxima[:, None, None]
    np.testing.assert_allclose(subject.predict(part), exact, atol=1e-6)
    np.savez(tmp_path / "mine.npz", sources_02=batch.fields[[0, 2, 1]])
    with pytest.raises(DataError, match=r"sources_02\[1\] matches sources_02\[2\]"):
        of_predictions(tmp_path / "mine.npz", images)


def test_predictions_of_a_set_need_its_file(tiny, tmp_path):
    file = tmp_path / "mine.npz"
    np.savez(file, name="tissue_64/test", sha256="0" * 64, sources_01=np.zeros((5, 16, 16)))
    with pytest.raises(DataError, match="tissue_64/test; give its images by --test-set"):
        of_predictions(file, stored.TestImages(tiny, tmp_path))


@pytest.mark.parametrize(
    ("trained", "tested", "pattern"),
    [
        ({}, {"physics.lattice": [16, 20], "data.sources": "3"}, "^$"),
        ({}, {"physics.lattice": [16, 17], "model.pad": True}, r"17\) here, and the network takes"),
        ({}, {"physics.decay": 0.2}, r"^physics\.decay 0\.05 there, 0\.2 here$"),
        ({}, {"physics.step": 2.0, "physics.diffusivity": 3.0}, "step 1.*; .*diffusivity 1"),
        ({}, {"physics.boundary": "reflecting"}, "boundary absorbing there, reflecting here"),
        (side(0.8), side(0.80000001), "^physics.boundary top: value 0.8, .* there"),
        ({}, DIVIDED, "sources fixed_value there, pr.*; .*maximum False there, True here"),
        ({}, {"data.tissue": {"cells": [3, 9]}}, "maps that vary .*: none there, d"),
        ({}, LENGTHS, "decay.*; .*diffusion_length None there, 1 to 20 here"),
        (LENGTHS, {"data.diffusion_length": [2.0, 20.0]}, "^$"),
        (LENGTHS, {"data.diffusion_length": [2.0, 21.0]}, "1 to 20 there, 2 to 21 here; choose"),
        (LENGTHS, {"data.diffusion_length": None}, "^data.diffusion_length 1 to 20 there, None"),
    ],
)
def test_other_physics_than_a_networks_are_named(tiny, trained, tested, pattern):
    learned = tiny.with_overrides(trained)
    different = methods.different_physics(learned, learned.with_overrides(tested))
    assert re.search(pattern, "; ".join(different))


def test_every_baseline_has_a_method_that_can_be_drawn_and_told_apart():
    assert tuple(methods.BASELINES) == BASELINES
    names = {method.name for method in methods.BASELINES.values()}
    assert names | {methods.SURROGATE} == set(STYLES)
    assert len(set(STYLES.values())) == len({color for color, _ in STYLES.values()}) == len(STYLES)
