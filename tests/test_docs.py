"""The documentation: its Python runs and prints what it says, its commands have such options."""

import contextlib
import doctest
import io
import re
import runpy
import shlex
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import cc3d_stand_in
import numpy as np
import pytest

import diffkeras as dk

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "saved_models" / "README.md", *sorted(DOCS.glob("*.md"))]
WIDEST_CODE = 88  # characters that fit on a built page

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[a-z ]+) -->\n)?"
    r"^(?P<indent> *)```python\n(?P<code>.*?)^ *```$"
    r"(?:\n\n```text\n(?P<printed>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
FENCED = re.compile(
    r"^ *```(?P<language>[\w-]*|\{[^\n]*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL
)


def run_snippets(page: Path, *, with_run: bool) -> dict[str, Any]:
    """Run the Python of a page in one namespace, in order; marked blocks only if they can."""
    names: dict[str, Any] = {}
    blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
    assert blocks
    for block in blocks:
        if block["mark"] == "not run" or (block["mark"] == "needs a run" and not with_run):
            continue
        code = re.sub(rf"^{block['indent']}", "", block["code"], flags=re.MULTILINE)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(code, str(page), "exec"), names)
        if block["printed"]:
            assert out.getvalue() == block["printed"]
    return names


@pytest.mark.parametrize(
    "name",
    [
        *("other_frameworks", "physics", "tissues", "in_a_simulation", "configuration", "models"),
    ],
)
def test_snippets_run_without_a_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_snippets(DOCS / f"{name}.md", with_run=False)


def test_snippets_for_other_programs_run_with_a_stand_in_for_compucell3d(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cc3d_stand_in.install(monkeypatch)
    names = run_snippets(DOCS / "coming_from.md", with_run=False)
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
    steppable.last = field.T
    steppable.step(1)
    assert np.abs(steppable.field.Oxygen.values[..., 0] - field.T).max() <= 1e-4 * 40


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "README.md",
        ROOT / "saved_models" / "README.md",
        *(DOCS / f"{name}.md" for name in ("bounds", "quickstart", "evaluation", "savedmodel")),
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_snippets_run_with_a_run(
    page: Path, run_dir: Path, evaluation: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(run_dir, tmp_path / "saved_models" / "quickstart")
    shutil.copytree(evaluation.path, run / "evaluation", dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    run_snippets(page, with_run=True)


def test_snippets_of_exports_run_with_a_run(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("ai_edge_litert", "tf2onnx", "onnxruntime"):
        pytest.importorskip(package)
    shutil.copytree(run_dir, tmp_path / "saved_models" / "quickstart")
    monkeypatch.chdir(tmp_path)
    run_snippets(DOCS / "export.md", with_run=True)


def test_snippets_of_the_data_page_run_with_its_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffkeras import load_config, workflows

    monkeypatch.chdir(tmp_path)
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    assert "--sources 5 --train-examples 20 \\\n    --validation-examples 2" in page
    sizes = {"train": 20, "validation": 2, "test": 2}
    values = {f"data.{split}_examples": size for split, size in sizes.items()}
    workflows.generate(load_config("paper", {"data.sources": "5", **values}), Path("data"))
    run_snippets(DOCS / "data.md", with_run=False)


def code_blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of all code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [(block["language"], block["text"]) for block in FENCED.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_the_pages_use(page: Path) -> None:
    from diffkeras.cli import main

    for language, text in code_blocks(page):
        if language not in ("sh", "console"):
            continue
        for line in text.replace("\\\n", " ").splitlines():
            _, found, rest = line.partition("diffkeras ")
            if not found or "git clone" in line or "-m benchmarks" in line:
                continue
            name, *words = shlex.split(rest.rstrip("&"), comments=True)
            known = {option for p in main.commands[name].params for option in p.opts}
            used = {word for word in words if re.fullmatch(r"--?[a-z-]+", word)}
            assert used <= known | {"-h", "--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_fits_on_the_page(page: Path) -> None:
    for language, text in code_blocks(page):
        if language in ("python", "sh", "console", "text", "yaml"):
            assert [line for line in text.splitlines() if len(line) > WIDEST_CODE] == []


def test_links_to_files_of_the_repository_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


@pytest.mark.parametrize(
    "word",
    [
        *("Neumann", "no-flux", "Dirichlet", "Helmholtz", "screened Poisson", "Laplace"),
        *("secretion", "3-D", "time dependence", "Michaelis", "PyTorch", "TensorFlow Serving"),
    ],
)
def test_words_that_users_search_for_are_there(word: str) -> None:
    assert any(word in page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("module", ["diffkeras.config", "diffkeras.physics"])
def test_examples_in_docstrings_of_public_names_print_what_they_say(module: str) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    public = {name: getattr(import_module(module), name) for name in import_module(module).__all__}
    for name, found in public.items():
        if callable(found):
            for example in finder.find(found, name, module=False, globs=public | {"dk": dk}):
                runner.run(example)
    assert runner.tries > 0
    assert runner.failures == 0


@pytest.mark.parametrize(("name", "side"), [("cells", 128), ("discs", 64)])
def test_the_images_that_the_pages_name_can_be_read(name: str, side: int) -> None:
    from diffkeras.workflows.source_files import SourceFile

    image = SourceFile(DOCS / "images" / f"{name}.png").read()
    assert image.shape == (side, side)
    assert image.max() == 1


def test_the_picture_of_the_package_shows_its_rooms() -> None:
    script = runpy.run_path(str(DOCS / "make_house_picture.py"))
    picture = script["PICTURE"].read_text(encoding="utf-8")
    drawn = re.findall(r'font-weight="bold">(\w+)', picture)
    assert drawn == [room for layer in script["layers"]() for room in layer]
    within = [" · ".join(script["parts"](room)) for room in drawn if script["parts"](room)]
    assert re.findall(r'font-size="12">([^<]+)<', picture) == within
    packages = {path.parent.name for path in (ROOT / "diffkeras").glob("*/__init__.py")}
    assert packages <= set(drawn)


def test_every_key_of_a_configuration_is_described() -> None:
    from pydantic import BaseModel

    from diffkeras.config import Config
    from diffkeras.studies.config import StudyConfig

    def undescribed(model: type[BaseModel]) -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found += undescribed(field.annotation)
            elif not field.description:
                found.append(name)
            for part in get_args(field.annotation):  # of a section, or null
                if isinstance(part, type) and issubclass(part, BaseModel):
                    found += undescribed(part)
        return found

    assert undescribed(Config) == undescribed(StudyConfig) == []
