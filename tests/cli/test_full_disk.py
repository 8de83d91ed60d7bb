"""Files that can't grow, as on a full disk: earlier files survive."""

import contextlib
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

LIMITS = (0, 1_000, 3_000, 100_000)  # bytes: nothing, half of the field, the field, all


@contextlib.contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Have the operating system refuse to let any file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def contents(directory: Path) -> dict[str, bytes]:
    files = [file for file in directory.rglob("*") if file.is_file()]
    return {file.relative_to(directory).as_posix(): file.read_bytes() for file in files}


def assert_one_line(result: Result) -> None:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert "File too large" in result.output.splitlines()[-1]


@pytest.fixture
def sources(tmp_path):
    image = np.zeros((16, 16))
    image[4:8, 5:9] = 1.0
    np.save(tmp_path / "sources.npy", image)
    return tmp_path / "sources.npy"


@pytest.mark.parametrize(
    "suffix", [".npz", *(pytest.param(x, marks=pytest.mark.slow) for x in (".npy", ".png", ".tif"))]
)
def test_fields_and_plots(diffkeras, sources, tmp_path, suffix):
    place = tmp_path / "out"
    words = ["solve", sources, "-o", place / f"field{suffix}", "--plot", place / "plot.png"]
    assert diffkeras(*words).exit_code == 0
    shutil.copytree(place, tmp_path / "earlier")
    refused = 0
    for limit in LIMITS:
        shutil.rmtree(place)
        shutil.copytree(tmp_path / "earlier", place)
        before = contents(place)
        with files_limited_to(limit):
            result = diffkeras(*words)
        after = contents(place)
        if result.exit_code:
            assert_one_line(result)
            assert {name: after.get(name) for name in before} == before
            assert set(after) <= {f"field{suffix}"} | set(before)
            refused += 1
    assert refused in (2, 3)


def test_an_export(diffkeras, run_dir, tmp_path):
    words = ["export", run_dir, "--format", "saved_model", "-o", tmp_path / "saved_model"]
    shutil.copytree(run_dir / "saved_model", tmp_path / "saved_model")
    before = contents(tmp_path)
    with files_limited_to(1_000):
        result = diffkeras(*words)
    assert_one_line(result)
    assert contents(tmp_path) == before


def test_datasets(diffkeras, tiny_file, tmp_path):
    words = ["generate", "--config", tiny_file, "--data-dir", tmp_path, "--processes", 1]
    for limit in (0, 1_000, 12_000):
        with files_limited_to(limit):
            result = diffkeras(*words)
        assert_one_line(result)
        assert not list(tmp_path.rglob(".partial*"))
        assert not list(tmp_path.rglob("dataset_info.json"))
    assert diffkeras(*words).exit_code == 0


@pytest.mark.usefixtures("lean_training")
@pytest.mark.parametrize(
    "limit", [5_000, *(pytest.param(x, marks=pytest.mark.slow) for x in (100, 10_000, 20_000))]
)
def test_a_training_run(diffkeras, tiny_file, data_dir, tmp_path, limit):
    words = ["train", "--config", tiny_file, "--data-dir", data_dir, "--run-dir", tmp_path / "run"]
    with files_limited_to(limit):
        result = diffkeras(*words, "--epochs", 1)
    assert_one_line(result)
    done = diffkeras(*words, "--epochs", 1)
    assert done.exit_code == 0, done.output
