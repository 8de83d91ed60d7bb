"""Count the files and lines of each room, and the files through which three calls lead.

    python -m benchmarks.house [--paths]

Only files that git tracks count. A circle is a set of modules that import each other. The paths are
measured: a call is made twice, and the second time the files whose functions are entered are noted.
`train` follows its configuration: a stay is a run of functions of one file that receive the
configuration or a part of it, a return is a stay in a file that was left before.
"""

import ast
import graphlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
PACKAGE = "diffkeras"


def tracked(*patterns: str) -> list[Path]:
    """The files that git tracks and that still exist, relative to the root."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True
    )
    paths = [Path(name) for name in found.stdout.decode().split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


def lines(path: Path) -> int:
    return (ROOT / path).read_bytes().count(b"\n")


def place(path: Path) -> str:
    """The row in which a file is counted."""
    if "tests" in path.parts or path.name == "conftest.py":
        return "tests/" if path.parts[0] in ("tests", "conftest.py") else "tests beside the code"
    if path.parts[0] == PACKAGE and len(path.parts) > 2:
        return f"{PACKAGE}/{path.parts[1]}/"
    return f"{path.parts[0]}/" if len(path.parts) > 1 else "top level"


def print_rooms() -> None:
    """Files and lines by room, with sums."""
    python = tracked("*.py")
    files, length = Counter(map(place, python)), Counter[str]()
    for path in python:
        length[place(path)] += lines(path)
    for name in sorted(files):
        print(f"{name:32} {files[name]:5} files {length[name]:7,} lines")
    package = [name for name in files if name.startswith(f"{PACKAGE}/")]
    for title, names in ((f"all of {PACKAGE}/", package), ("all Python", list(files))):
        count, total = sum(files[n] for n in names), sum(length[n] for n in names)
        print(f"{title:32} {count:5} files {total:7,} lines")
    everything = tracked()
    print(f"{'all tracked files':32} {len(everything):5} files")


def imports(tree: ast.AST) -> Iterator[str]:
    """The names that a module, one of its functions or a type hint imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def imported_files(files: Iterable[Path]) -> dict[Path, set[Path]]:
    """For each file, the files that hold the names which it imports.

    Files `__init__.py` only pass names on and count as nobody's.
    """
    files = list(files)
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }
    graph: dict[Path, set[Path]] = {}
    for file in files:
        named = set(imports(ast.parse(file.read_text(encoding="utf-8"))))
        found = {modules.get(name) or modules.get(name.rpartition(".")[0]) for name in named}
        graph[file] = {other for other in found if other and other.stem != "__init__"} - {file}
    return graph


def print_shape() -> None:
    """Circles, depth, and the longest file of the package."""
    paths = tracked(f"{PACKAGE}/*.py")
    try:
        graphlib.TopologicalSorter(imported_files(ROOT / path for path in paths)).prepare()
        print("no circle of files")
    except graphlib.CycleError as error:
        print("circle of files:", " → ".join(str(file.relative_to(ROOT)) for file in error.args[1]))
    deepest = max(paths, key=lambda path: len(path.parts))
    longest = max(paths, key=lines)
    print(f"folders are at most {len(deepest.parts) - 1} deep, as {deepest.parent}")
    print(f"the longest file is {longest}, {lines(longest)} lines")


def entered(call: Callable[[], Any], counts: Callable[[Any], bool]) -> list[str]:
    """The files of the package whose functions a call enters, one after the other."""
    root, found = str(ROOT / PACKAGE) + "/", list[str]()

    def note(frame: Any, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(root) and counts(frame):
            found.append(name.removeprefix(root))

    call()  # loads modules and fills caches
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def is_function(frame: Any) -> bool:
    return frame.f_code.co_name not in ("<module>", "<genexpr>", "<lambda>")


def print_paths() -> None:
    """The files of a varying `solve`, a `predict` to a tolerance, and a training."""
    import numpy as np

    import diffkeras as dk

    image = np.zeros((32, 32))
    image[8:12, 8:12] = 1.0
    uptake = dk.MichaelisMenten(np.where(image == 0, 0.1, 0.0), 0.5)
    rows = np.linspace(1.0, 2.0, 32)[:, None] * np.ones((1, 32))
    medium = dk.Medium(diffusivity=rows, decay=0.01)
    files = set(entered(lambda: dk.solve(image, uptake=uptake, medium=medium), is_function))
    print(f"solve in a medium that varies: {len(files)} files")
    surrogate = dk.load_surrogate("default")
    disc = np.hypot(*np.indices((64, 64)) - 32.0) <= 5
    files = set(entered(lambda: surrogate.predict(1.0 * disc, tolerance=1e-3), is_function))
    print(f"predict to a tolerance: {len(files)} files")
    print_training()


def print_training() -> None:
    """The files through which a training passes its configuration."""
    import diffkeras as dk
    from diffkeras import train
    from diffkeras.system.section import Section

    settings: dict[str, Any] = {
        "physics.lattice": 32,
        "data.sources": 1,
        "data.stream": True,
        "data.cache": False,
    }
    settings |= {f"data.{split}_examples": 4 for split in ("train", "validation", "test")}
    settings |= {"model.width": 2, "training.epochs": 1, "training.batch_size": 4}
    config = dk.load_config("quickstart", settings)

    def receives(frame: Any) -> bool:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        values = [frame.f_locals.get(name) for name in names]
        return is_function(frame) and any(isinstance(value, Section) for value in values)

    with tempfile.TemporaryDirectory() as folder:
        runs = iter((Path(folder) / "first", Path(folder) / "second"))
        found = entered(lambda: train(config, folder, next(runs)), receives)
    stays = [name for name, before in zip(found, [None, *found], strict=False) if name != before]
    files = set(stays)
    print(
        f"train: its configuration stays {len(stays)} times in {len(files)} files, "
        f"with {len(stays) - len(files)} returns"
    )


@click.command(help=__doc__.splitlines()[0])
@click.option("--paths", is_flag=True, help="Also measure the paths, which takes a minute.")
def main(paths: bool) -> None:
    print_rooms()
    print_shape()
    if paths:
        print_paths()


if __name__ == "__main__":
    main()
