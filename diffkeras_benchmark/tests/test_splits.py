"""Public splits are the same everywhere, and say so where they aren't."""

import numpy as np
import pytest

from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.images import draw_images
from diffkeras_benchmark import splits
from diffkeras_benchmark.problems import PROBLEMS, SHIFTS, SPLITS, get_problem
from diffkeras_benchmark.splits import BENCHMARKS, public_split


@pytest.mark.parametrize("benchmark", [name for name in BENCHMARKS if name.endswith("_64")])
def test_the_images_have_the_published_hash(benchmark):
    public_split(benchmark).check()


@pytest.mark.slow
@pytest.mark.parametrize("split", [*SPLITS, *SHIFTS])
@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_split_has_its_published_hash(benchmark, split):
    public_split(benchmark, split).check()


def test_every_split_of_every_benchmark_has_a_hash_of_its_own():
    hashes = [public_split(b, s).sha256 for b in BENCHMARKS for s in (*SPLITS, *SHIFTS)]
    assert len(hashes) == len(BENCHMARKS) * 9
    assert all(len(sha256) == 64 for sha256 in hashes)
    assert len(set(hashes)) == len(hashes)


def test_other_images_are_an_error_that_names_both_hashes(tiny_split):
    tiny = tiny_split("fixed_values")
    tiny.check()
    found = tiny.sha256
    splits._hashes()[tiny.name] = "0" * 64
    with pytest.raises(DataError, match=f"{found}, not {'0' * 64}: NumPy"):
        tiny.check()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_shift_changes_what_it_names(problem):
    test, changed = public_split(f"{problem}_64").config(), {}
    for shift in SHIFTS:
        config = public_split(f"{problem}_64", shift).config()
        both = config.to_dict(), test.to_dict()
        changed[shift] = {
            f"{section}.{key}"
            for section in ("physics", "data")
            for key, value in both[0][section].items()
            if value != both[1][section][key] and not key.endswith("_examples")
        }
    assert changed.pop("larger_lattice") >= {"physics.lattice", "data.sources"}
    assert changed == {
        "more_sources": {"data.sources"},
        "larger_radius": {"data.radius"},
        "clusters": {"data.placement"},
        "edges": {"data.placement"},
        "shorter_length": {"physics.decay"},
    }


def test_splits_have_other_images():
    config = get_problem("fixed_values").config(32, training_images=3)
    drawn = [draw_images(config, 1, range(3), split).images for split in SPLITS]
    every = np.concatenate(drawn).reshape(9, -1)
    assert len(np.unique(every, axis=0)) == 9


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"no benchmark 'mnist'; choose among fixed_value"):
        public_split("mnist")
    with pytest.raises(ConfigurationError, match=r"no split 'x'; choose among train, validation"):
        public_split("tissue_64", "x")
    with pytest.raises(ConfigurationError, match=r"no problem 'heat'; choose among fixed_values, "):
        get_problem("heat")
