"""Splits as files: verified, read back, and predictions of them."""

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import DataError, OutputError
from diffkeras_benchmark.archive import mixed, predictions_of, read_archive, write_archive
from diffkeras_benchmark.croissant import write_card
from diffkeras_benchmark.data import write_split
from diffkeras_benchmark.problems import PROBLEMS
from diffkeras_benchmark.splits import public_split
from tests.helpers.refusals import files_limited_to


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Where `split` is written once."""
    return tmp_path_factory.mktemp("written") / "split.npz"


@pytest.fixture
def split(tiny_split, written, tmp_path):
    """Images of two sources, in a file of the test's own."""
    tiny = tiny_split("fixed_values", "more_sources")
    if not written.exists():
        write_archive(tiny, written)
    return read_archive(Path(shutil.copy(written, tmp_path / "split.npz")))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_archive_holds_verified_fields_of_its_problems(problem, tiny_split, tmp_path):
    tiny, done, file = tiny_split(problem, "train"), [], tmp_path / "split.npz"
    largest = write_archive(tiny, file, done.append)
    assert sum(done) == 6
    assert 0 < largest < 1e-6
    with np.load(file) as stored:
        assert str(stored["sha256"]) == tiny.sha256
        assert "lattice" in str(stored["configuration"])
        images, fields = stored["source_images_01"], stored["fields_01"]
        assert images.dtype == fields.dtype == np.float32
        assert images.shape == fields.shape == (6, 32, 32)
        assert (stored["bounds_01"] <= largest).all()
        if problem == "production":
            np.testing.assert_allclose(fields.max(axis=(1, 2)), 1, rtol=1e-6)
            assert (stored["maxima_01"] < 1).all()
        else:
            np.testing.assert_array_equal(fields[images != 0], images[images != 0])
    split = read_archive(file)
    assert (split.name, len(split)) == (f"{problem}_32/train", 6)
    assert split.inputs.shape == (6, 32, 32, len(split.channels))
    field = dk.solve(split.problem(3)).field
    field = field / field.max() if problem == "production" else field
    np.testing.assert_allclose(split.fields[3, ..., 0], field, atol=split.bounds[3] + 1e-9)
    part = split.part([0, 2])
    fields = part.fields + np.float32(0.1) * np.sin(np.arange(32.0, dtype=np.float32))[:, None]
    errors, bounds = np.abs(fields - part.fields).max(axis=(1, 2, 3)), part.certify(fields)
    assert np.all(bounds >= errors - part.bounds)
    assert np.all(bounds <= 2 * errors)


def test_fields_of_other_images_are_not_bounded(split):
    with pytest.raises(DataError, match="for some of its images, take `part`"):
        split.certify(split.fields[:2])


def test_channels_may_come_first(split, tmp_path):
    """As PyTorch has them."""
    few, first = split.part([0, 1]), np.moveaxis(split.fields, -1, 1)
    np.testing.assert_array_equal(few.certify(first[:2]), few.certify(few.fields))
    file = split.write_predictions(tmp_path / "mine.npz", first)
    np.testing.assert_array_equal(predictions_of(file, split), split.fields[..., 0])


@pytest.mark.parametrize("problem", ["fixed_values", "tissue"])
def test_any_part_has_all_source_counts(problem):
    counts, each = public_split(f"{problem}_64", "train").numbers
    places = mixed(len(counts), each)
    assert sorted(places) == list(range(len(counts) * each))
    of_place = np.repeat(counts, each)[places]
    for part in (of_place[:10], of_place[::5], of_place[::25], of_place[1000:1100]):
        found, times = np.unique(part, return_counts=True)
        assert found.tolist() == list(counts)
        assert times.max() < 0.5 * len(part)
    for count in counts:  # within a source count, the order is the file's
        assert np.all(np.diff(places[of_place == count]) == 1)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
@pytest.mark.parametrize("problem", ["tissue", "production"])
def test_a_card_describes_the_file(problem, tiny_split, tmp_path):
    croissant = pytest.importorskip("mlcroissant")
    tiny, file = tiny_split(problem, "edges"), tmp_path / "edges.npz"
    write_archive(tiny, file)
    read = croissant.Dataset(write_card(tiny, file)).metadata  # raises for a wrong card
    (images,), (stored,) = read.record_sets, read.distribution
    with file.open("rb") as opened:
        assert stored.sha256 == hashlib.file_digest(opened, "sha256").hexdigest()
    assert tiny.sha256 in read.description
    with np.load(file) as arrays:
        of_card = {f"{field.name}_01" for field in images.fields}
        assert of_card == {name for name in arrays if name.endswith("_01")}


def test_a_card_is_never_half_written(tiny_split, tmp_path):
    tiny, file = tiny_split("fixed_values"), tmp_path / "test.npz"
    file.write_text("content")
    card = write_card(tiny, file)
    before = card.read_text()
    with files_limited_to(100), pytest.raises(OutputError, match=card.name):
        write_card(tiny, file)
    assert card.read_text() == before


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("mine.npz", "mine.npz", "is no split that was written earlier"),
        ("mine.croissant.json", "mine.npz", "is no split that was written earlier"),
        ("mine", "mine/new.npz", "mine can't be written: Not a directory"),
        ("mine", "/proc/missing/new.npz", "/proc/missing can't be written"),
    ],
)
def test_a_file_of_the_user_is_not_replaced(tmp_path, monkeypatch, name, output, message):
    monkeypatch.setattr("diffkeras_benchmark.data.write_archive", None)  # refused before the work
    (tmp_path / name).write_text("precious")
    with pytest.raises(OutputError, match=message):
        write_split("fixed_values_64", "edges", tmp_path / output, data_dir=tmp_path)
    assert (tmp_path / name).read_text() == "precious"


def test_a_field_that_is_not_verified_is_not_written(tiny_split, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "diffkeras.evaluation.images.solve_many",
        lambda problems: [SimpleNamespace(field=0.99 * one.values) for one in problems],
    )
    with pytest.raises(DataError, match="only proven to be right within"):
        write_archive(tiny_split("fixed_values"), tmp_path / "split.npz")
    assert not (tmp_path / "split.npz").exists()


def test_damaged_and_other_files_are_refused(split, tmp_path):
    file = tmp_path / "split.npz"
    with np.load(file) as stored:
        arrays = dict(stored)
    fields, images = (next(k for k in arrays if k.startswith(s)) for s in ("fields", "source"))
    for changed, message in (
        ({"sha256": np.array("0" * 64)}, f"has the hash {'0' * 64}, and the published one is"),
        ({images: arrays[images][::-1]}, "has the hash .*, and the published one is"),
        ({fields: arrays[fields][:-1]}, rf"{fields} of shape .* is not \("),
        ({fields: arrays[fields] * np.nan}, f"{fields} of .* finite numbers; delete it"),
        ({"name": np.array("x")}, r"split\.npz can't be used: there is no benchmark 'x'"),
    ):
        np.savez(file, **arrays | changed)
        with pytest.raises(DataError, match=message):
            read_archive(file)
    for name in ("sha256", images):
        np.savez(file, **{key: array for key, array in arrays.items() if key != name})
        with pytest.raises(DataError, match=rf"split\.npz has no array '{name}'"):
            read_archive(file)


def test_predictions_that_cannot_be_used_are_refused(split, tmp_path):
    file, fields = tmp_path / "mine.npz", split.fields.copy()
    with pytest.raises(DataError, match=r"more_sources has the shape \(11, .*, not \(12, 32, 32\)"):
        split.write_predictions(file, fields[:-1])
    fields[2, 3, 4] = np.nan
    with pytest.raises(DataError, match=r"field 2 of .*more_sources is not finite"):
        split.write_predictions(file, fields)
    assert not file.exists()
    with pytest.raises(DataError, match=r"predictions are written to a \.npz, not to mine"):
        split.write_predictions("mine", split.fields)
    order = np.arange(len(split))
    order[[3, 8]] = 8, 3
    split.write_predictions(file, 0.5 * split.fields[order])
    with pytest.raises(DataError, match=r"2 of .*: sources_02\[3\] matches sources_02\[8\], "):
        predictions_of(file, split)
    with np.load(split.write_predictions(file, split.fields)) as stored:
        arrays = dict(stored)
    np.savez(file, **arrays | {"name": np.array("x")})
    with pytest.raises(DataError, match="has predictions of 'x'"):
        predictions_of(file, split)
