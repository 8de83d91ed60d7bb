"""Surrogates that come with diffkeras: run directories in the package, found by name."""

from pathlib import Path

from diffkeras.config import find_config
from diffkeras.errors import ConfigurationError

SHIPPED = Path(__file__).parent / "shipped_models"


def shipped_surrogates() -> tuple[str, ...]:
    """The names of the surrogates that come with diffkeras."""
    return tuple(sorted(file.parent.name for file in SHIPPED.glob("*/weights.npz")))


def find_run(run: Path) -> Path:
    """The directory of a run: a path that exists, or else the name of a shipped surrogate.

    A path wins, so that diffkeras can ship more surrogates without hiding anybody's runs.
    """
    return SHIPPED / run if str(run) in shipped_surrogates() and not run.exists() else run


def shipped_config(run: Path) -> str | None:
    """The name of the configuration that a shipped surrogate was trained with; None of others."""
    if run.parent != SHIPPED:
        return None
    name = f"models/{run.name}"
    try:
        find_config(name)
    except ConfigurationError:
        return run.name
    return name
