"""What the studies cost, for docs/full_scale.md: the numbers of `diffkeras study --dry-run`."""

from collections.abc import Iterator
from pathlib import Path

from diffkeras.reporting.text import format_bytes, markdown_table
from diffkeras.studies import Cost, cost_of, plan_study
from paper.study_files import names, study_of

NO_RUNS = Path("nowhere")  # nothing is done yet
SIDE = 512  # of the full scale
HEAD = ("study", "runs", "training images", "test images", "data", "runs' disk")


def rows() -> Iterator[list[str]]:
    """A row for each study, then all of full scale, and all; shared runs and data count once."""
    planned = []
    for name in names():
        study = study_of(name)
        planned.append((study, plan_study(study, NO_RUNS)))
        yield _row(f"`{study.name}`", cost_of(planned[-1:]))
    full = [each for each in planned if each[0].base.physics.lattice[0] == SIDE]
    yield _row(f"**all at {SIDE}²**", cost_of(full))
    yield _row("**all**", cost_of(planned))


def _row(name: str, cost: Cost) -> list[str]:
    return [
        name,
        f"{cost.runs:,}",
        f"{cost.images:,}",
        f"{cost.test_images:,}",
        format_bytes(cost.data_bytes),
        format_bytes(cost.run_bytes),
    ]


def table() -> str:
    """The table in Markdown."""
    return markdown_table(HEAD, list(rows()))
