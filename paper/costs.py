"""Write what the shipped studies cost, for docs/full_scale.md.

    python docs/make_costs.py     # make findings runs it too

It writes results/findings/costs.md, from the same numbers as `diffkeras study --dry-run`.
"""

import docs.quiet_tensorflow  # noqa: F401

import sys
from collections.abc import Iterator
from pathlib import Path

from diffkeras.errors import DiffkerasError
from diffkeras.reporting.text import format_bytes, markdown_table
from diffkeras.studies.cost import Cost, CostCounter
from diffkeras.studies.plan import plan
from diffkeras.studies.study_file import load_study, shipped_studies
from diffkeras.system.atomic_files import write_text

DOCS = Path(__file__).parent
NO_RUNS = Path("nowhere")  # nothing is done yet
SIDE = 512  # of the full scale
TFLOPS = 100.0
HEAD = (
    "study",
    "runs",
    "training images",
    "test images",
    "PFLOP",
    "GPU-hours",
    "data",
    "runs' disk",
)


def rows() -> Iterator[list[str]]:
    """A row for each study, then all of full scale, and all; shared runs and data count once."""
    counter, planned = CostCounter(), []
    for name in shipped_studies():
        study = load_study(name)
        planned.append((study, plan(study, NO_RUNS)))
        yield _row(f"`{study.name}`", counter.cost(planned[-1:]))
    full = [each for each in planned if each[0].base.physics.lattice[0] == SIDE]
    yield _row(f"**all at {SIDE}²**", counter.cost(full))
    yield _row("**all**", counter.cost(planned))


def _row(name: str, cost: Cost) -> list[str]:
    return [
        name,
        f"{cost.runs:,}",
        f"{cost.images:,}",
        f"{cost.test_images:,}",
        f"{cost.flop / 1e15:,.3g}",
        _hours(cost.gpu_hours(TFLOPS)),
        format_bytes(cost.data_bytes),
        format_bytes(cost.run_bytes),
    ]


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def main(docs: Path) -> None:
    """Write the table."""
    table = markdown_table(HEAD, list(rows()))
    write_text(docs / "results" / "findings" / "costs.md", f"{table}\n")


if __name__ == "__main__":
    try:
        main(DOCS)
    except DiffkerasError as error:
        sys.exit(f"error: {error}")
