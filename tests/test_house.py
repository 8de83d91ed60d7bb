"""The house: no circle of files, nothing that only some systems have, no stale names of files."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "diffkeras").rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in FILES
}
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios"}


def imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def files_imported(file: Path) -> set[Path]:
    """The files that hold the names which a file imports; packages only pass names on."""
    found = {
        MODULES.get(name) or MODULES.get(name.rpartition(".")[0]) for name in imports(TREES[file])
    }
    return {other for other in found if other and other != file and other.stem != "__init__"}


def test_no_files_need_each_other():
    graphlib.TopologicalSorter({file: files_imported(file) for file in FILES}).prepare()


def test_no_module_needs_posix():
    assert [file for file, tree in TREES.items() if POSIX_ONLY & set(imports(tree))] == []


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_./]+\.(?:py|md))`", text))
    assert len(named) > 20
    places = (ROOT, ROOT / "diffkeras")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []
