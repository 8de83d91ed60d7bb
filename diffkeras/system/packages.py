"""Packages that an installation may lack: `diffkeras-solver` has those of the solver alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from diffkeras.errors import MissingPackageError

# modules that are installed by themselves, and not by `pip install diffkeras`, or not only
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


def missing_package(what: str, missing: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error for what needs a module that is missing; the same one for diffkeras's own."""
    name = str(missing.name).partition(".")[0]
    if name in ("diffkeras", "None"):
        return missing
    how = f"`pip install {name}` installs it"
    if name not in ALONE:
        how = "`pip install diffkeras` installs all that it needs"
    return MissingPackageError(f"{what} needs {name}, which is not installed; {how}", name=name)
