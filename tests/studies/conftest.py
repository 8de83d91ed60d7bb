"""A small study, as files."""

import pytest

STUDY = """
name: small
title: A small study
base: tiny.yaml
settings: {training.epochs: 1}
test_sets: {test: {data.sources: 1-3}}
factors:
  data.train_fraction: [0.5, 1.0]
  training.loss: [absolute, {error: huber, delta: 0.1}]
"""


@pytest.fixture(scope="session")
def study_file(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(tiny.to_yaml())
    (folder / "small.yaml").write_text(STUDY)
    return folder / "small.yaml"
