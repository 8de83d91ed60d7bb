"""A finished study whose runs are copies of one, with errors that nobody measured."""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator
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


def write_evaluation(
    run_dir: Path, data_dir: Path, *, config: Config, output: Path, **options: Any
) -> None:
    """In place of evaluating."""
    assert not config.baselines()
    write_errors(config, output, names_of_surrogate(config), run_dir.name)


def write_baselines(config: Config, data_dir: Path, output: Path, **options: Any) -> None:
    """In place of measuring baselines."""
    write_errors(config, output, (each.name for each in baselines(config)), None)


@pytest.fixture(scope="session")
def pretended_work(run_dir):
    """Training copies a run under another configuration, and no figures are drawn."""

    def copy_run(config: Config, data_dir: Path, path: Path, **options: Any) -> None:
        assert not path.exists()
        shutil.copytree(run_dir, path, ignore=shutil.ignore_patterns("saved_model", "logs"))
        (path / "config.yaml").write_text(config.to_yaml())

    def write(directory: Path, study: Study, data: StudyData, *_: Any, **__: Any) -> None:
        write_tables(directory, data)

    def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "train", copy_run)
        monkeypatch.setattr(processes, "evaluate", write_evaluation)
        monkeypatch.setattr(module, "generate", lambda *_, **__: [])
        monkeypatch.setattr(module, "evaluate_baselines", write_baselines)
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
def own(finished, tmp_path):
    """A copy of the finished study: data, pool of runs, and its directory."""
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


@pytest.fixture
def counted(monkeypatch):
    """`with counted() as calls`: the runs that are trained, and those that are evaluated."""

    @contextlib.contextmanager
    def count() -> Iterator[dict[str, list[str]]]:
        calls: dict[str, list[str]] = {"train": [], "evaluate": []}

        def counting(name: str, place: int) -> Callable[..., Any]:
            function = getattr(processes, name)

            def call(*arguments: Any, **options: Any) -> Any:
                calls[name].append(arguments[place].name)
                return function(*arguments, **options)

            return call

        with monkeypatch.context() as patched:
            for name, place in (("train", 2), ("evaluate", 0)):
                patched.setattr(processes, name, counting(name, place))
            yield calls

    return count
