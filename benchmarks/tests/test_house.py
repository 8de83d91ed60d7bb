"""The house: no circle of files, nothing that only some systems have, no stale names of files."""

import ast
import graphlib
import re
from pathlib import Path

from benchmarks.house import imported_files, imports

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "diffkeras").rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios"}


def test_no_files_need_each_other():
    graphlib.TopologicalSorter(imported_files(FILES)).prepare()


def test_no_module_needs_posix():
    assert [file for file, tree in TREES.items() if POSIX_ONLY & set(imports(tree))] == []


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_./]+\.(?:py|md))`", text))
    assert len(named) > 20
    places = (ROOT, ROOT / "diffkeras")
    assert [name for name in named if not any((place / name).is_file() for place in places)] == []
