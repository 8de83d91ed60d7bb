"""The documentation: its Python runs and prints what it says, its commands have such options."""

import dataclasses
import doctest
import math
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.studies import cost_of, load_study, plan_study
from diffkeras.system.yaml_io import from_yaml
from docs.tests.helpers import cc3d_stand_in
from docs.tests.helpers.snippets import DOCS, PAGES, ROOT, RUNNABLE, Snippet, execute, snippets
from tests.helpers.lean_runs import quick_graphs

LARGEST_DATA = 1e9  # bytes that a configuration of a page may plan
WIDEST_CODE = 88  # characters that fit on a built page

FENCED = re.compile(
    r"^ *```(?P<language>[\w-]*|\{[^\n]*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def exported_solver(tmp_path_factory):
    from diffkeras.graph import TensorSolver

    path = tmp_path_factory.mktemp("exports") / "exported"
    TensorSolver(64).export(path)
    return path


@pytest.fixture
def folders(tmp_path, request):
    """An empty folder for each snippet, with what it needs."""

    def make(snippet: Snippet) -> Path:
        folder = tmp_path / f"{snippet.page.stem}_{snippet.number}"
        folder.mkdir()
        if "needs a run" in snippet.marks:
            run = folder / "saved_models" / "quickstart"
            shutil.copytree(request.getfixturevalue("run_dir"), run)
            evaluation = request.getfixturevalue("evaluation")
            shutil.copytree(evaluation.path, run / "evaluation", dirs_exist_ok=True)
        if "needs an export" in snippet.marks:
            shutil.copytree(request.getfixturevalue("exported_solver"), folder / "exported")
        if "needs a dataset" in snippet.marks:
            generate_dataset_of_data_page(folder / "data")
        return folder

    return make


def generate_dataset_of_data_page(path: Path) -> None:
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    assert "--sources 5 --train-examples 20 \\\n    --validation-examples 2" in page
    sizes = {"train": 20, "validation": 2, "test": 2}
    values = {f"data.{split}_examples": size for split, size in sizes.items()}
    dk.data.generate(dk.load_config("paper", {"data.sources": "5", **values}), path)


PAGES_OF_PYTHON = [page for page in PAGES if any(snippets(page, "python"))]


@pytest.mark.parametrize("page", PAGES_OF_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_runs_by_itself(page, folders, monkeypatch):
    """Without the names of other blocks, in a folder of its own."""
    if page.stem == "export":
        for package in ("tf2onnx", "onnxruntime"):
            pytest.importorskip(package)
    names: dict[str, Any] = {}
    for snippet in snippets(page, "python"):
        if snippet.reason is not None or "needs CompuCell3D" in snippet.marks:
            continue
        if not snippet.continues:
            names = {}
            monkeypatch.chdir(folders(snippet))
        with quick_graphs():
            execute(snippet, names)


def test_the_steppable_runs_with_a_stand_in_for_compucell3d(monkeypatch):
    cc3d_stand_in.install(monkeypatch)
    names: dict[str, Any] = {}
    [snippet] = [
        s for s in snippets(DOCS / "coming_from.md", "python") if "needs CompuCell3D" in s.marks
    ]
    execute(snippet, names)
    vessel, tumour = np.zeros((2, 24, 16), bool)
    vessel[2:4, 8:10] = tumour[6:20, 2:14] = True
    steppable = names["OxygenSteppable"]()
    steppable.put([(steppable.VESSEL, vessel), (steppable.TUMOUR, tumour)])
    steppable.start()
    uptake = dk.MichaelisMenten(15.0 * tumour, 2.5)
    image = 40.0 * vessel
    field = dk.solve(image, uptake=uptake, diffusivity=80.0, decay=0.1, boundary="reflecting").field
    assert np.abs(steppable.field.Oxygen.values[..., 0] - field).max() <= 1e-4 * 40
    steppable.put([(steppable.VESSEL, vessel.T), (steppable.TUMOUR, tumour.T)])
    steppable.step(1)
    assert np.abs(steppable.field.Oxygen.values[..., 0] - field.T).max() <= 1e-4 * 40


def test_code_that_isnt_run_says_why_and_marks_are_known():
    known = {
        "",
        "continues",
        "needs a run",
        "needs an export",
        "needs a dataset",
        "needs CompuCell3D",
    }
    for page in PAGES:
        for snippet in snippets(page, *RUNNABLE):
            assert snippet.reason != "", f"{snippet}: <!-- not run: REASON -->"
            marks = [mark for mark in snippet.marks if not mark.startswith("files: ")]
            assert set(marks) <= known, snippet


def code_blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of all code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [(block["language"], block["text"]) for block in FENCED.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_the_pages_use(page):
    from diffkeras.commands import main
    from diffkeras_benchmark.commands import main as of_benchmark

    for language, text in code_blocks(page):
        if language not in ("sh", "console"):
            continue
        for line in text.replace("\\\n", " ").splitlines():
            found = re.search(r"\bdiffkeras(-benchmark)? (.*)", line)
            if not found or "git clone" in line or "-m benchmarks" in line:
                continue
            group = of_benchmark if found[1] else main
            name, *words = shlex.split(found[2].rstrip("&"), comments=True)
            known = {option for p in group.commands[name].params for option in p.opts}
            used = {word for word in words if re.fullmatch(r"--?[a-z-]+", word)}
            assert used <= known | {"-h", "--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_fits_on_the_page(page):
    for language, text in code_blocks(page):
        if language in ("python", "sh", "console", "text", "yaml"):
            assert [line for line in text.splitlines() if len(line) > WIDEST_CODE] == []


YAML = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(code_blocks(page))
    if language == "yaml" and "authors:" not in text  # of a submission to the benchmark
]


@pytest.mark.parametrize("text", YAML)
def test_a_configuration_plans_data_that_fit_or_says_that_it_is_a_part(text, tmp_path):
    """A reader who copies a block doesn't get the defaults: the paper's 439 GB."""
    content = from_yaml(text)
    if text.startswith("# part of a configuration\n"):
        base = dk.load_config("quickstart")
        assert base.with_overrides(content) != base
        return
    file = tmp_path / "page.yaml"
    file.write_text(text, encoding="utf-8")
    if "factors" in content:
        study = load_study(file)
        needed = cost_of([(study, plan_study(study, tmp_path))]).data_bytes
    else:
        config = dk.load_config(file)
        data = config.data
        examples = data.train_examples + data.validation_examples + data.test_examples
        arrays = 2 * 4 * len(data.sources) * examples  # image and field in single precision
        needed = arrays * math.prod(config.physics.lattice)
    assert needed < LARGEST_DATA


@pytest.mark.parametrize(
    ("module", "some"),
    [
        ("config", "load_config"),
        ("physics", "solve certify"),
        (
            "nn",
            "AlternateLosses default_metrics encoder_decoder fourier_neural_operator get_loss "
            "joined_pair padded u_net unrolled_cg with_corrections with_fixed_values",
        ),
        ("nn.losses", "get_weight"),
        ("graph", "TensorSolver TensorSolver.solve TensorSolver.certify TensorSolver.export"),
    ],
)
def test_examples_in_docstrings_of_public_names_print_what_they_say(module, some):
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    room = import_module(f"diffkeras.{module}")
    public = {name: getattr(room, name) for name in dir(room) if not name.startswith("_")}
    known, ran = public | {"dk": dk, "np": np, "get_loss": dk.nn.get_loss}, set()
    for name, found in public.items():
        if callable(found):
            for example in finder.find(found, name, module=False, globs=known):
                runner.run(example)
                ran |= {example.name} if example.examples else set()
    assert ran >= {*some.split()}
    assert runner.failures == 0


def test_contributing_lists_the_packages_in_the_order_of_their_layers():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one.get("containers") == ["diffkeras"])
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = re.search(r"\| package .*?\n\n", page, re.DOTALL)
    rows = re.findall(r"^\| (`.*?`) \|", table[0], re.MULTILINE) if table else []
    named = [room for row in rows for room in re.findall(r"`(\w+)`", row)]
    wanted = [{room.strip() for room in layer.split("|")} for layer in layers[:-1]]  # not errors
    for rooms in wanted:
        assert {*named[: len(rooms)]} == rooms
        del named[: len(rooms)]


@pytest.mark.slow
def test_the_pictures_program_starts_without_messages_of_tensorflow():
    words = [sys.executable, "-m", "docs.pictures", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_every_key_of_a_configuration_is_described():
    from diffkeras.config import Config
    from diffkeras.studies.study_file import StudyConfig
    from diffkeras.system.section import keys_of
    from docs.tables.of_code import description_of

    def undescribed(section: type) -> list[str]:
        found = [f.name for f in dataclasses.fields(section) if not description_of(section, f)]
        for kind in keys_of(section).values():
            for part in (kind, *get_args(kind)):
                if isinstance(part, type) and dataclasses.is_dataclass(part):
                    found += undescribed(part)
        return found

    assert undescribed(Config) == undescribed(StudyConfig) == []
