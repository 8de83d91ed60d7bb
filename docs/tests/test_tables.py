"""The pages as plain Markdown: tables as their rows give them, links that land, nothing raw."""

import re
from pathlib import Path

import pytest

from docs.tables import BLOCK, ROOT, pages, rewritten, sources

PAGES = pages()
RAW = re.compile(
    r"^ *(?:```|:::)\{(\w[\w-]*)\}|(?:^|[\s(])\{([a-z:-]+)\}`|^\(([\w-]+)\)=$", re.MULTILINE
)
CODE = re.compile(r"^( *)```[^`]*?^\1```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)")


def names(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", [p for p in PAGES if sources(p)], ids=lambda page: page.stem)
def test_tables_are_those_of_the_rows_and_of_the_code(page):
    assert page.read_text(encoding="utf-8") == rewritten(page), "run `make docs-tables`"


def test_a_table_that_is_not_of_today_is_seen(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    source = ROOT / "benchmarks" / "results" / "solver.csv"
    page.write_text(f"<!-- table: {source} -->\n\nan older one\n\n<!-- end of table -->\n")
    assert "| " in rewritten(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_directive_or_role_is_raw(page):
    if page.stem.startswith("api"):
        return
    for found in RAW.finditer(page.read_text(encoding="utf-8")):
        pytest.fail(f"{page.name}: {found[0]!r} is raw in plain Markdown")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings by GitHub's rule, and those that it sets itself."""
    text = page.read_text(encoding="utf-8")
    found = set(re.findall(r'<a id="([\w-]+)">', text))
    for heading in re.findall(r"^#+ (.*)$", CODE.sub(_without_fences, text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found |= {anchor} | {f"{anchor}-{n}" for n in range(1, 3)}
    return found


def _without_fences(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("`") and "\n" not in found[0] else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_land(page):
    text = CODE.sub("", BLOCK.sub(lambda found: found[2], page.read_text(encoding="utf-8")))
    for path, anchor in LINK.findall(text):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: no file {path}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {path}#{anchor}"
