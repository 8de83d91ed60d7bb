"""The study files of the paper: those in paper/studies, and four that come with diffkeras."""

from functools import cache
from pathlib import Path

from diffkeras.studies import Study, load_study

FOLDER = Path(__file__).parent / "studies"
SHIPPED = ("size_and_loss", "seeds", "source_counts", "disjoint_subsets")  # with diffkeras
BASE = "middle_production"  # in the folder; no study


def names() -> list[str]:
    """The names of all studies."""
    own = [path.stem for path in FOLDER.glob("*.yaml") if path.stem != BASE]
    return sorted([*own, *SHIPPED, *(f"{name}_reduced" for name in SHIPPED)])


@cache
def study_of(name: str) -> Study:
    """The study of a name, with its file's configuration."""
    own = FOLDER / f"{name}.yaml"
    return load_study(own if own.is_file() else f"studies/{name}")
