"""Tenants live beside the package: they use its public names only, those on docs/api*.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TENANTS = [name for name in ("paper", "diffkeras_benchmark") if (ROOT / name).is_dir()]
PACKAGE = "diffkeras"


def public_names() -> set[str]:
    """The names on the pages: in their blocks of names, and in their text."""
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("api*.md")]
    return {name for page in pages for name in re.findall(r"\b(?<!dk\.)diffkeras(?:\.\w+)+", page)}


def used_names(text: str) -> Iterator[str]:
    """What a module imports from diffkeras, and the attributes that it takes of `dk`."""
    tree = ast.parse(text)
    aliases = {PACKAGE: PACKAGE}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == PACKAGE:
                    aliases[alias.asname or PACKAGE] = PACKAGE
                elif alias.name.startswith(f"{PACKAGE}."):
                    yield alias.name
    for node in ast.walk(tree):
        parts = _chain(node) if isinstance(node, ast.Attribute) else []
        if parts and parts[0] in aliases:
            yield ".".join([PACKAGE, *parts[1:]])


def _chain(node: ast.expr) -> list[str]:
    """The names of a.b.c; empty for what is no chain of names."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := _chain(node.value)):
        return [*before, node.attr]
    return []


def is_public(name: str, public: set[str]) -> bool:
    """Whether a name is on the page, or an attribute of one that is, or a package of some."""
    return any(
        name == one or name.startswith(f"{one}.") or one.startswith(f"{name}.") for one in public
    )


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_tenant_uses_public_names_only(tenant):
    public = public_names()
    files = [path for path in (ROOT / tenant).rglob("*.py") if "tests" not in path.parts]
    assert files
    private = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in used_names(path.read_text(encoding="utf-8"))
        if not is_public(name, public)
    }
    assert not private, "add them to docs/api_*.md, or do without"


def test_what_is_not_public_is_found():
    text = "import diffkeras as dk\nfrom diffkeras.errors import RunError\n"
    text += "from diffkeras.system.locks import locked\ndk.solve(1)\ndk.system.x()\n"
    found = [name for name in used_names(text) if not is_public(name, public_names())]
    assert {*found} >= {"diffkeras.system.locks.locked", "diffkeras.system.x"}
