"""The study files that diffkeras ships."""

from pathlib import Path

import pytest

from diffkeras.studies.study_file import load_study
from diffkeras.training.batches import check_batch

SHIPPED = sorted(path.stem for path in Path(__file__).parents[2].glob("configs/studies/*.yaml"))


def test_a_handful_is_shipped_at_both_scales():
    full = [name for name in SHIPPED if not name.endswith("_reduced")]
    assert full == ["disjoint_subsets", "seeds", "size_and_loss", "source_counts"]
    assert sorted([*full, *(f"{name}_reduced" for name in full)]) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_has_runs_whose_batches_fit(name):
    study = load_study(f"studies/{name}")
    assert study.name == name
    for _, config in study.combinations:
        check_batch(config, 1)
