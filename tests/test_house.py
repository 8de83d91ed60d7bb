"""The house: no circle of files, nothing that only some systems have, and no stale names."""

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


def names_of(module: str) -> set[str]:
    """What a module defines, imports, or exports lazily by a table of strings."""
    names = set()
    for node in TREES[MODULES[module]].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            parts = list(ast.walk(node))
            names |= {part.id for part in parts if isinstance(part, ast.Name)}
            names |= {str(part.value) for part in parts if isinstance(part, ast.Constant)}
    return names


def resolves(name: str, keys: set[str]) -> bool:
    """Whether a dotted name is a module, an attribute of one, or a key of a configuration."""
    module, rest = f"diffkeras.{name}", name
    while module not in MODULES:
        module, _, rest = module.rpartition(".")
    is_key = rest in keys and name.startswith(("data.", "training.", "evaluation."))
    return module == f"diffkeras.{name}" or rest in names_of(module) or is_key


def test_dotted_names_in_docstrings_exist():
    keys = {
        node.target.id
        for file in (ROOT / "diffkeras" / "config").glob("*.py")
        for node in ast.walk(TREES[file])
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    names = {name.split(".")[1] for name in MODULES if name.count(".") == 1}
    packages = "|".join(names - {"jax", "torch", "tensorflow"})  # they are mostly the others
    dotted = re.compile(rf"`(?:diffkeras\.)?((?:{packages})(?:\.\w+)+)[`(]")
    stale = {
        (str(file.relative_to(ROOT)), name)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for name in dotted.findall(ast.get_docstring(node) or "")
        if not (name.endswith((".yaml", ".json")) or resolves(name, keys))
    }
    assert stale == set()
