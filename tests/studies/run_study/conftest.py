"""A finished study whose runs are copies of one, with errors that nobody measured."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from diffkeras.config import Config
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.methods import baselines, names_of_surrogate
from diffkeras.studies import processes
from diffkeras.studies import study_run as module
from diffkeras.studies.evaluations import ALL
from diffkeras.studies.plan import Study
from diffkeras.studies.results import StudyData, write_tables
from diffkeras.studies.study_file import load_study
from diffkeras.studies.study_run import run_study
from diffkeras.system.atomic_files import write_json


def write_errors(config: Config, output: Path, methods: Iterable[str], run: str | None) -> None:
    """Equal errors of all methods and images of a source count."""
    counts, images = config.data.sources, config.data.test_examples
    errors = {str(n): {"images": images, **dict.fromkeys(ERRORS, 0.1 * n)} for n in counts}
    errors[ALL] = {"images": images * len(counts), **dict.fromkeys(ERRORS, 0.1)}
    write_json(output / "metrics.json", {"run": run, "methods": dict.fromkeys(methods, errors)})


@pytest.fixture(scope="session")
def done():
    """What was done in place of training and so on: what → directories."""
    return {"train": [], "evaluate": [], "baselines": [], "generate": []}


@pytest.fixture(scope="session")
def pretended_work(run_dir, done):
    """Training copies a run under another configuration, and no figures are drawn."""

    def train(config: Config, data_dir: Path, path: Path, **options: Any) -> None:
        assert not path.exists()
        done["train"].append(path)
        shutil.copytree(run_dir, path, ignore=shutil.ignore_patterns("saved_model", "logs"))
        (path / "config.yaml").write_text(config.to_yaml())

    def evaluate(path: Path, data_dir: Path, *, config: Config, output: Path, **_: Any) -> None:
        assert not config.baselines()
        done["evaluate"].append(path)
        write_errors(config, output, names_of_surrogate(config), path.name)

    def measure(config: Config, data_dir: Path, output: Path, **options: Any) -> None:
        done["baselines"].append(output)
        write_errors(config, output, (each.name for each in baselines(config)), None)

    def write(directory: Path, study: Study, data: StudyData, *_: Any, **__: Any) -> None:
        write_tables(directory, data)

    def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "train", train)
        monkeypatch.setattr(processes, "evaluate", evaluate)
        monkeypatch.setattr(module, "generate", lambda config, **_: done["generate"].append(config))
        monkeypatch.setattr(module, "evaluate_baselines", measure)
        monkeypatch.setattr(module, "write_study", write)

    return pretend


@pytest.fixture(autouse=True)
def pretend(pretended_work, monkeypatch):
    pretended_work(monkeypatch)


@pytest.fixture(scope="session")
def study(study_file):
    return load_study(str(study_file))


@pytest.fixture(scope="session")
def finished(study, pretended_work, tmp_path_factory):
    """The folder of the finished study; never write to it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        pretended_work(patched)
        run_study(study, folder / "data", folder / "small", runs_dir=folder / "runs")
    return folder


@pytest.fixture
def own(finished, tmp_path, done):
    """A copy of the finished study: data, pool of runs, and its directory; nothing is done yet."""
    for paths in done.values():
        paths.clear()
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data", tmp_path / "runs", tmp_path / "small"


@pytest.fixture
def write_other(study_file, tmp_path):
    """`write_other(old=new)`: the same study with words of its file replaced."""

    def write(**replaced: str) -> Study:
        text = study_file.read_text()
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        file = study_file.with_name("other.yaml")
        file.write_text(text)
        return load_study(str(file))

    return write
