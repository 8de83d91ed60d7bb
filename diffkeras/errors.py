"""The exceptions that diffkeras raises on purpose.

Each message names the bad value and says what to do, in one sentence. The command line prints it,
wrapped to the terminal, and exits with status 1. From Python, `DiffkerasError` catches all of them.
Where a function does the work of a command, messages name that command's options, and `--run-dir`
is the argument `run_dir`.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class DiffkerasError(Exception):
    """Base of every error that diffkeras raises on purpose."""


class ConfigurationError(DiffkerasError, ValueError):
    """A configuration file, key or value that can't be used."""


class PhysicsError(DiffkerasError, ValueError):
    """A problem without a unique solution, or an argument that describes none or can't be used.

    Attributes:
        argument: the name of the argument that is wrong, with which the message begins; None if
            the message names it elsewhere.
        problem: the message without it.
    """

    def __init__(self, problem: str, argument: str | None = None) -> None:
        super().__init__(problem if argument is None else f"{argument} {problem}")
        self.problem, self.argument = problem, argument


@contextmanager
def numbered(what: str, number: int) -> Iterator[None]:
    """Name one of several things in the PhysicsError that it raises, as in "image 2: …"."""
    try:
        yield
    except PhysicsError as error:
        raise PhysicsError(f"{what} {number}: {error}") from None


class ProblemWarning(UserWarning):
    """A problem that is probably not the one that was meant; commands print it as a warning."""


class PackingError(PhysicsError):
    """Sources that don't fit on the lattice without overlap."""


class ConvergenceError(DiffkerasError, ArithmeticError):
    """An iteration that stopped before it met its tolerance."""


class DataError(DiffkerasError):
    """A dataset or file of numbers that is missing, damaged, or of other physics than required."""


class RunError(DiffkerasError):
    """A run directory that is missing, incomplete, damaged or of another program."""


class InUseError(DiffkerasError):
    """A dataset or run directory that another process is writing."""


class OutputError(DiffkerasError):
    """A file or directory that can't be written."""


class ExportError(DiffkerasError):
    """A surrogate that a file format can't hold, or a file that doesn't compute its fields."""


class MissingPackageError(DiffkerasError, ModuleNotFoundError):
    """A package that is not installed; the message says how to install it."""


class WorkerError(DiffkerasError):
    """A process of a training run that can't be connected, or was lost."""


class OutOfMemoryError(DiffkerasError):
    """A batch that doesn't fit into the device's memory."""


class Interrupted(DiffkerasError):
    """A command that a signal stopped; running it again continues where it stopped.

    Attributes:
        exit_code: the exit status that shells expect after such a signal.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
