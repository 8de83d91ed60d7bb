"""Packages that an installation may lack: `diffkeras-solver` has those of the solver alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from diffkeras.errors import MissingPackageError

# modules that are installed by themselves, and don't need the whole of diffkeras
ALONE = ("jax", "matplotlib", "torch")


@contextmanager
def needs_packages(what: str) -> Iterator[None]:
    """For a block that imports: a package that is not installed raises one line that says how to.

    Args:
        what: what the block imports, which begins the line.

    Raises:
        MissingPackageError: instead of ModuleNotFoundError, unless a module of diffkeras itself is
            missing.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if isinstance(missing, MissingPackageError):
            raise
        raise missing_package(what, missing) from None


def lazy_names(
    package: str, modules: Mapping[str, str], submodules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose names are loaded when they are first used.

    Args:
        package: its name.
        modules: name → the module that has it; "module:other", if it has another name there.
        submodules: of the package, which are names of it, too.

    Raises:
        MissingPackageError: by `__getattr__`, where a package that the name needs isn't installed.
    """

    def load(name: str) -> Any:
        with needs_packages(f"{package}.{name}"):
            if name in modules:
                module, _, other = modules[name].partition(":")
                return getattr(import_module(module), other or name)
            if name in submodules:
                return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load, lambda: sorted([*modules, *submodules])


def missing_package(what: str, missing: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error for what needs a module that is missing; the same one for diffkeras's own."""
    name = str(missing.name).partition(".")[0]
    if name in ("diffkeras", "None"):
        return missing
    how = f"`pip install {name}` installs it"
    if name not in ALONE:
        first = "`pip uninstall diffkeras-solver`, then " if _is_light() else ""
        how = f"{first}`pip install .` in a checkout of diffkeras installs all that it needs"
    return MissingPackageError(f"{what} needs {name}, which is not installed; {how}", name=name)


def _is_light() -> bool:
    """Whether `diffkeras-solver` is installed, beside which diffkeras can't be."""
    try:
        distribution("diffkeras-solver")
    except PackageNotFoundError:
        return False
    return True
