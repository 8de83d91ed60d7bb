"""Predictions of other programs know which test image they belong to."""

from pathlib import Path

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.evaluation import foreign
from diffkeras.evaluation.test_sets.inputs import draw_inputs


def test_equal_source_images_in_different_tissues_are_told_apart(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"data.tissue": {"cells": [3, 5]}, "data.sources": "2", "data.test_examples": 3}
    config = tiny.with_overrides(changes)
    batch = draw_inputs(config, 2, range(3)).solve()
    batch.images[:] = batch.images[0]
    monkeypatch.setattr(foreign, "read_batches", lambda *_: [batch])
    fields = np.arange(3, dtype=np.float32)[:, None, None] + batch.images
    np.savez(tmp_path / "mine.npz", sources_02=fields)
    surrogate = foreign.foreign_predictions(tmp_path / "mine.npz", config, tmp_path)
    for order in ([0, 1, 2], [2, 0, 1]):
        part = batch.part(np.array(order))
        found = surrogate.network_fields(part.images, **part.told)
        np.testing.assert_array_equal(found, fields[order])
