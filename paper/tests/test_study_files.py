"""The study files of the paper, and the pages that list them."""

import re
from pathlib import Path

import pytest

from diffkeras.config import Config
from diffkeras.studies import plan_study
from paper.study_files import names, study_of

ROOT = Path(__file__).parents[2]
NOWHERE = Path("nowhere")
STUDIES = names()
REDUCED = [name for name in STUDIES if name.endswith("_reduced")]
BASES = {"reduced": "paper", "reduced_production": "paper_production"}
WITHOUT_FULL_SCALE = ("optimizers_reduced",)


def runs(name: str) -> list[Config]:
    return [config for _, config in study_of(name).combinations]


def identities(name: str) -> set[str]:
    return {run.identity for run in plan_study(study_of(name), NOWHERE)}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_named_after_its_file_and_asks_a_question(name):
    study = study_of(name)
    assert study.name == name
    assert study.question.endswith("?")
    reading = study.base.physics.sources
    assert (reading == "production") == ("production" in name) == ("production" in study.title)


@pytest.mark.parametrize("name", [name for name in REDUCED if name not in WITHOUT_FULL_SCALE])
def test_a_reduced_study_asks_what_the_full_one_asks(name):
    reduced, full = study_of(name), study_of(name.removesuffix("_reduced"))
    assert reduced.question == full.question
    assert BASES[reduced.base.name] == full.base.name
    assert list(reduced.varied) == list(full.varied)
    assert len(reduced.test_sets) == len(full.test_sets)


@pytest.mark.parametrize("name", REDUCED)
def test_runs_of_a_reduced_study_have_equally_many_steps(name):
    counted = {config.steps for config in runs(name)}
    assert len(counted) == (6 if name == "training_time_reduced" else 1)


def test_studies_share_their_runs():
    sizes = identities("size_and_loss_reduced")
    assert identities("worst_cases_reduced") < sizes
    shared = {"seeds": 9, "source_counts": 3, "disjoint_subsets": 3, "placements": 3}
    found = {name: len(identities(f"{name}_reduced") & sizes) for name in shared}
    assert found == shared


def test_the_readme_has_the_number_of_runs_of_each_study():
    page = (ROOT / "paper" / "README.md").read_text(encoding="utf-8")
    listed: dict[str, list[str]] = {}
    for named, numbers in re.findall(r"^\| (`.*?`) \| .* \| ([\d; ]+) \|$", page, re.MULTILINE):
        listed |= {name: numbers.split("; ") for name in re.findall(r"`(\w+)`", named)}
    full = [name for name in STUDIES if name not in REDUCED or name in WITHOUT_FULL_SCALE]
    expected = {}
    for name in full:
        counts = [len(runs(n)) for n in (name, f"{name}_reduced") if n in STUDIES]
        expected[name] = list(dict.fromkeys(map(str, counts)))
    assert listed == expected
    distinct = set().union(*map(identities, REDUCED))
    assert f"train {len(distinct)} different runs" in page
