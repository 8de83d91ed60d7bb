"""Public test sets are the same everywhere, and say so where they aren't."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from diffkeras.evaluation.test_sets.problems import PROBLEMS, get_problem
from diffkeras.evaluation.test_sets.test_set import TEST_SETS, TestSet, get_test_set, write_archive

from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.images import draw_images


def tiny_test_set(problem: str) -> TestSet:
    """A test set of few images on 16×16 nodes, with its hash."""
    unknown = TestSet(problem, 16, "unknown")
    with pytest.raises(DataError) as caught:
        unknown.check()
    return replace(unknown, sha256=str(caught.value).partition("have the hash ")[2][:64])


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        TestSet, "config", lambda self: get_problem(self.problem).config(self.side, images=4)
    )


@pytest.mark.parametrize("name", [name for name in TEST_SETS if name.endswith("_64")])
def test_the_images_have_the_published_hash(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    TEST_SETS[name].check()


def test_other_images_are_an_error_that_names_both_hashes() -> None:
    test_set = tiny_test_set("fixed_values")
    test_set.check()
    with pytest.raises(DataError, match=f"{test_set.sha256}, not {'0' * 64}: NumPy"):
        replace(test_set, sha256="0" * 64).check()


def test_the_hash_holds_the_physics_and_every_node() -> None:
    hashes = {tiny_test_set(problem).sha256 for problem in PROBLEMS}
    assert len(hashes) == len(PROBLEMS)
    assert all(len(sha256) == 64 for sha256 in hashes)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_archive_holds_verified_fields(problem: str, tmp_path: Path) -> None:
    test_set, done = tiny_test_set(problem), []
    largest = write_archive(test_set, tmp_path / "set.npz", done.append)
    assert sum(done) == 4
    assert 0 < largest < 1e-6
    with np.load(tmp_path / "set.npz") as stored:
        assert str(stored["sha256"]) == test_set.sha256
        assert "lattice" in str(stored["configuration"])
        images, fields = stored["source_images_01"], stored["fields_01"]
        assert images.dtype == fields.dtype == np.float32
        assert images.shape == fields.shape == (4, 16, 16)
        assert (stored["bounds_01"] <= largest).all()
        if problem == "production":
            np.testing.assert_allclose(fields.max(axis=(1, 2)), 1, rtol=1e-6)
            assert (stored["maxima_01"] < 1).all()
        else:
            np.testing.assert_array_equal(fields[images != 0], images[images != 0])


def test_a_field_that_is_not_verified_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "diffkeras.evaluation.images.solve",
        lambda problem: SimpleNamespace(field=0.99 * problem.values),
    )
    with pytest.raises(DataError, match="only proven to be right within"):
        write_archive(tiny_test_set("fixed_values"), tmp_path / "set.npz")
    assert not (tmp_path / "set.npz").exists()


def test_density_of_discs_is_that_of_the_paper_s_lattice() -> None:
    counts = [get_problem("fixed_values").config(side).data.sources for side in (16, 64, 128)]
    assert [max(c) for c in counts] == [1, 5, 20]
    inputs = draw_images(get_problem("fixed_values").config(64), 3, range(2))
    assert [discs.count for discs in inputs.sources] == [3, 3]


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no test set 'mnist'; choose among fixed_value"):
        get_test_set("mnist")
    with pytest.raises(ConfigurationError, match=r"no problem 'heat'; choose among fixed_values, "):
        get_problem("heat")
