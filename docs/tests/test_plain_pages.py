"""Pages are whole as plain Markdown, and the site is built from the same files."""

import html
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from docs.tables import ROOT

DOCS = ROOT / "docs"
FOLDERS = ("benchmarks", "diffkeras", "distributions", "docs", "paper", "tfds_builders")
PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "saved_models" / "README.md",
    *(page for name in FOLDERS for page in sorted((ROOT / name).rglob("*.md"))),
]
PAGES = [page for page in PAGES if not {"_build", "worked_examples"} & {*page.parts}]
FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^]]*(?:\[[^]]*\][^]]*)*\]\(([^)\s]*)\)")
# what only Sphinx understands, in text without blocks of code
ONLY_SPHINX = {
    "role": r"(?<![\w\\])\{[\w:+-]+\}`",
    "target": r"^\([\w-]+\)=",
    "definition": r"^: ",
    "directive": r"^:{3,}|^\.\. \w+::",
    "comment": r"^% ",
}
BLOCK_OF_NAMES = runpy.run_path(str(DOCS / "_ext" / "api_pages.py"))["BLOCK"]
built = runpy.run_path(str(DOCS / "_ext" / "plain_pages.py"))["built"]


def of_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_code(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors_of(page: Path) -> set[str]:
    """The anchors that a repository viewer gives the headings of a page; Sphinx gives the same."""
    found: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        anchors.add(f"{anchor}-{found[anchor]}" if found[anchor] else anchor)
        found[anchor] += 1
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_pages_have_nothing_that_only_sphinx_understands(page):
    """But for `{api}` on the pages of the reference."""
    text = page.read_text(encoding="utf-8")
    fences = set(re.findall(r"^ *(?:`{3,}|~{3,})(\{.*)$", text, re.MULTILINE))
    assert fences <= ({"{api}"} if page.name.startswith("api_") else set())
    plain = without_code(page)
    found = {name: re.findall(form, plain, re.M) for name, form in ONLY_SPHINX.items()}
    assert {name: those for name, those in found.items() if those} == {}


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_formulas_survive_markdown(page):
    r"""A viewer of the repository takes the backslash of `\,` or `\{` for Markdown's own."""
    text = re.sub(r"`[^`\n]*`", "", without_code(page))
    formulas = re.findall(r"\$\$.*?\$\$|\$[^$\n]*\$", text, re.DOTALL)
    assert [one for one in formulas if re.search(r"\\[^\w\s\\]", one)] == []


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_lead_to_files_and_headings_that_exist(page):
    lost = []
    for link in LINK.findall(without_code(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            lost.append(link)
    assert lost == []


def test_a_table_of_contents_has_each_page_once():
    listed: Counter[str] = Counter(["index"])
    for name in ("index", "api"):
        page = built(name, (DOCS / f"{name}.md").read_text(encoding="utf-8"))
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
            listed.update(line for line in tree.splitlines() if line and line[0] != ":")
    pages = {page.stem for page in DOCS.glob("*.md")} - {"gallery"} | {"worked_examples/index"}
    assert listed == Counter(pages)
    assert not [*(DOCS / "gallery").rglob("*.md")]  # Sphinx-Gallery takes it for its own header


def test_names_with_links_are_on_the_page_that_they_link():
    found = 0
    for page in DOCS.glob("*.md"):
        for place, name, target in re.findall(
            r"\[`(dk|diffkeras)\.([\w.]+)`\]\((api_\w+\.md)\)", page.read_text(encoding="utf-8")
        ):
            blocks = BLOCK_OF_NAMES.findall((DOCS / target).read_text(encoding="utf-8"))
            listed = {line.partition(":")[0] for block in blocks for line in block.splitlines()}
            assert f"diffkeras.{name}" in listed, (page.name, place, name)
            found += 1
    assert found


def test_the_site_links_the_pages_that_are_made_of_programs_and_names():
    page = "[A](gallery/fits/plot_a.py), [all](gallery.md), [`dk.solve`](api_fields.md)\n"
    assert built("page", page) == (
        "[A](worked_examples/fits/plot_a.rst), [all](worked_examples/index.rst), "
        "{py:obj}`dk.solve <diffkeras.solve>`\n"
    )


def test_the_build_fails_if_a_page_shows_a_file_or_links_a_heading_that_is_missing(tmp_path):
    settings = f"import sys\nsys.path[:0] = {[str(DOCS / '_ext'), str(ROOT)]}\nroot_doc = 'page'\n"
    (tmp_path / "conf.py").write_text(
        f"{settings}myst_heading_anchors = 3\nextensions = ['myst_parser', 'plain_pages']\n"
    )
    (tmp_path / "page.md").write_text("# Page\n\n![A](none.png)\n\n[There](#nowhere)\n")
    recipe = re.search(r"sphinx-build (.*) -b html", (ROOT / "Makefile").read_text())
    assert recipe
    words = [*recipe[1].split(), "-b", "dummy", str(tmp_path), str(tmp_path / "site")]
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "image file not readable: none.png" in run.stderr
    assert "nowhere" in run.stderr


def test_the_page_for_lost_links_needs_no_other_file():
    """A host shows it for paths of any depth."""
    text = html.unescape((DOCS / "404.html").read_text(encoding="utf-8"))
    assert re.findall(r"(?:src|href|action)=\"([^\"]*)\"", text) == ["./", "search.html"]
    assert not re.search(r"url\(|@import|https?:", text)
