"""Packages that an installation may lack: `diffkeras-solver` has the solver's alone."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Any

from diffkeras.errors import ExportError, MissingPackageError

logger = logging.getLogger(__name__)

# modules that are installed by themselves, and don't need the whole of diffkeras
ALONE = ("jax", "matplotlib", "torch")
# formats of exports, and the packages that each needs beside TensorFlow
EXPORTS = {"saved_model": (), "onnx": ("tf2onnx", "onnx", "onnxruntime")}

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_silent: list[int] = []  # the threads within `silent_imports`
_restoring = ExitStack()  # what the last of them does
_lock = threading.Lock()  # of both, and not of the imports: these have locks of their own


def check_installed_once(file: str) -> None:
    """Raise an ImportError if `diffkeras` and `diffkeras-solver` have both written these files.

    To uninstall one of them would remove files of the other.
    """
    folder = os.path.dirname(os.path.dirname(file))
    with suppress(OSError):  # it is an archive
        infos = (name for name in os.listdir(folder) if name.endswith(".dist-info"))
        if {"diffkeras", "diffkeras_solver"} <= {name.partition("-")[0] for name in infos}:
            raise ImportError(
                f"diffkeras and diffkeras-solver, which have the same files, are both in {folder}; "
                "run `pip uninstall diffkeras diffkeras-solver`, then install one of them"
            )


@contextmanager
def needs_packages(what: str) -> Iterator[None]:
    """For a block that imports `what`: a package that is not installed raises one line.

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


@contextmanager
def silent_imports() -> Iterator[None]:
    """Discard what is written to standard error: TensorFlow's C++ code prints when it is imported.

    It writes to the file descriptor, which replacing `sys.stderr` doesn't affect. A process without
    standard error may use its descriptor for another file, which is left alone. When several
    threads import at the same time, the last one to end restores what the first one has changed.
    """
    if "tensorflow" not in sys.modules and not _silent:
        logger.info("loading TensorFlow, which takes some seconds")
    if sys.stderr is None or "tensorflow" in sys.modules:
        yield
        return
    with _lock:
        if not _silent:
            _discard_errors()
        _silent.append(threading.get_ident())
    try:
        yield
    finally:
        with _lock:
            _silent.pop()
            if not _silent:
                _restoring.close()


def _discard_errors() -> None:
    if LOG_LEVEL not in os.environ:
        os.environ[LOG_LEVEL] = "3"
        _restoring.callback(os.environ.pop, LOG_LEVEL, None)
    with suppress(OSError, ValueError):  # it is closed
        sys.stderr.flush()
        saved = os.dup(2)
        _restoring.callback(os.close, saved)
        _restoring.callback(os.dup2, saved, 2)
        with open(os.devnull, "w") as sink:
            os.dup2(sink.fileno(), 2)


def lazy_names(
    package: str,
    modules: Mapping[str, str],
    submodules: Sequence[str] = (),
    tensorflow: Collection[str] = (),
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose names are loaded when they are first used.

    `modules` has the module of each name, or "module:other", if it has another name there. The
    names in `tensorflow` load TensorFlow, silently.
    """

    def load(name: str) -> Any:
        silent = silent_imports() if name in tensorflow else nullcontext()
        with needs_packages(f"{package}.{name}"), silent:
            if name in modules:
                module, _, other = modules[name].partition(":")
                value = getattr(import_module(module), other or name)
                setattr(sys.modules[package], name, value)  # which then needs no loading
                return value
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
        how = "`pip install .` in a checkout of diffkeras installs all that it needs"
        with suppress(PackageNotFoundError):
            distribution("diffkeras-solver")  # beside which diffkeras can't be installed
            how = f"`pip uninstall diffkeras-solver`, then {how}"
    return MissingPackageError(f"{what} needs {name}, which is not installed; {how}", name=name)


def check_format(name: str) -> None:
    """Raise an ExportError, before TensorFlow is loaded, for an unknown or uninstalled format."""
    if name not in EXPORTS:
        raise ExportError(f"there is no format {name!r:.60}; choose one of {', '.join(EXPORTS)}")
    if missing := [package for package in EXPORTS[name] if find_spec(package) is None]:
        raise ExportError(
            f"the format {name} needs {' and '.join(missing)}, which this environment lacks; run "
            "pip install '.[export]' in a checkout of diffkeras, or "
            f"pip install {' '.join(missing)}"
        )
