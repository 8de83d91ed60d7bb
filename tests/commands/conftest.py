"""A working directory for commands, and the formats of exports."""

import shutil

import numpy as np
import pytest

import diffkeras as dk
from tests.helpers.export_tools import FILES, INSTALLED


@pytest.fixture
def place(tmp_path, tiny_file, tiny, monkeypatch):
    """A working directory with an image, a configuration, a study and a file."""
    image = np.zeros((16, 16))
    image[4:8, 5:9] = 1.0
    np.save(tmp_path / "sources.npy", image)
    (tmp_path / "file").write_text("precious")
    shutil.copy(tiny_file, tmp_path / "tiny.yaml")
    study = "name: s\nbase: tiny.yaml\nfactors: {training.seed: [0]}\n"
    (tmp_path / "study.yaml").write_text(study)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def discs(tmp_path):
    """The file of an image of a disc."""
    file = tmp_path / "discs.npy"
    np.save(file, dk.Sources.from_lists([8], [9], [3], [1.0]).image((24, 32), np.float64))
    return file


@pytest.fixture(params=[pytest.param(name, id=name) for name in FILES])
def format(request):
    """Each format whose packages are installed."""
    if request.param not in INSTALLED:
        pytest.skip("needs the extra `export`")
    return request.param
