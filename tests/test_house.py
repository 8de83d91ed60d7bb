"""The house in figures: no circle of files, small folders, short functions, narrow signatures."""

import ast
import graphlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "diffkeras").rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in FILES
}
MOST_MODULES, MOST_LINES, MOST_PARAMETERS = 12, 60, 8
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios"}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_imported(file: Path) -> set[Path]:
    """The files that hold the names which a file imports; packages only pass names on."""
    found = {
        MODULES.get(name) or MODULES.get(name.rpartition(".")[0]) for name in imports(TREES[file])
    }
    return {other for other in found if other and other != file and other.stem != "__init__"}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{file.relative_to(ROOT)}: {node.name}", node


def test_no_files_need_each_other() -> None:
    graphlib.TopologicalSorter({file: files_imported(file) for file in FILES}).prepare()


def test_no_folder_is_crowded() -> None:
    folders = Counter(file.parent for file in FILES if file.stem != "__init__")
    assert {f: n for f, n in folders.items() if n > MOST_MODULES} == {}


def test_no_function_is_long() -> None:
    long = {}
    for name, node in functions():
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = {
            n.lineno for part in body for n in ast.walk(part) if isinstance(n, ast.expr | ast.stmt)
        }
        if len(lines) > MOST_LINES:
            long[name] = len(lines)
    assert long == {}


def test_no_signature_is_wide() -> None:
    wide = {}
    for name, node in functions():
        given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        number = len([argument for argument in given if argument.arg not in ("self", "cls")])
        if number > MOST_PARAMETERS and node.name != "__init__":
            wide[name] = number
    assert wide == {}


def test_no_module_needs_posix() -> None:
    assert [file for file, tree in TREES.items() if POSIX_ONLY & set(imports(tree))] == []


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_./]+\.(?:py|md))`", text))
    assert len(named) > 20
    places = (ROOT, ROOT / "diffkeras")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []
