"""The exceptions that diffkeras raises on purpose.

Each message names the bad value and a way out. The command line prints it in one line and exits
with status 1; from Python all of them can be caught as `DiffkerasError`.
"""


class DiffkerasError(Exception):
    """Base of every error that diffkeras raises on purpose."""


class ConfigurationError(DiffkerasError, ValueError):
    """A configuration file, key or value that can't be used."""


class PhysicsError(DiffkerasError, ValueError):
    """A problem that is not well-posed, or input that is no physical problem."""


class PackingError(PhysicsError):
    """Sources that don't fit on the lattice without overlap."""


class ConvergenceError(DiffkerasError, ArithmeticError):
    """An iteration that stopped before it met its tolerance."""


class DataError(DiffkerasError):
    """A dataset that is missing, damaged, or of other physics than asked for."""


class RunError(DiffkerasError):
    """A run directory that is missing, foreign, incomplete or in use."""


class InUseError(DiffkerasError):
    """A dataset or run directory that another process is writing."""


class OutputError(DiffkerasError):
    """A file or directory that can't be written."""


class WorkerError(DiffkerasError):
    """A worker of a distributed training that doesn't answer."""


class WorkerLostError(WorkerError):
    """A worker that ended, or can't be reached any more, in the middle of a training."""


class OutOfMemoryError(DiffkerasError):
    """A batch that doesn't fit into the memory of the device."""


class Interrupted(DiffkerasError):
    """A run that a signal ended; what was done is kept, and the same command goes on.

    Attributes:
        exit_code: what the shell expects after such a signal.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
