"""A working directory for commands."""

import shutil

import numpy as np
import pytest

DISCS = "lattice: [24, 32]\nsources:\n  - {row: 8, column: 9, radius: 3, value: 1.0}\n"


@pytest.fixture
def place(tmp_path, tiny_file, tiny, monkeypatch):
    """A working directory with an image, a list of discs, a configuration, a study and a file."""
    image = np.zeros((16, 16))
    image[4:8, 5:9] = 1.0
    np.save(tmp_path / "sources.npy", image)
    (tmp_path / "discs.yaml").write_text("[{row: 8, column: 8, radius: 2, value: 1}]")
    (tmp_path / "file").write_text("precious")
    shutil.copy(tiny_file, tmp_path / "tiny.yaml")
    study = "name: s\nbase: tiny.yaml\nfactors: {training.seed: [0]}\n"
    (tmp_path / "study.yaml").write_text(study)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def discs(tmp_path):
    """A list of discs as a file."""
    file = tmp_path / "discs.yaml"
    file.write_text(DISCS)
    return file
