"""Make what the pages on the paper show, from the committed rows: tables and costs.

    python -m paper                              # the build of the documentation does it too
    python -m paper --from saved_models/studies  # copy the rows of finished studies first

It writes into paper/results/findings, which is not committed. `make pictures` draws the figures.
"""

import docs.quiet_tensorflow  # noqa: F401

import shutil
from pathlib import Path

import click

from diffkeras import DiffkerasError
from paper.costs import write_costs
from paper.figures import BENCHMARKS, RESULTS
from paper.study_data import STUDY_FILE, read_study
from paper.verdicts.claims import judged
from paper.verdicts.tables import write_errors, write_tables

ROWS = (STUDY_FILE, "runs.csv", "baselines.csv", "searches.csv")  # of a study, what is committed


def copy_rows(source: Path, studies: Path) -> None:
    """Replace the rows of finished studies."""
    for mark in sorted(source.glob(f"*/{STUDY_FILE}")):
        target = studies / mark.parent.name
        target.mkdir(parents=True, exist_ok=True)
        for file in (mark.parent / name for name in ROWS):
            if file.is_file():
                shutil.copyfile(file, target / file.name)


def write_all(directory: Path = RESULTS / "findings") -> None:
    """Write all tables into a directory."""
    write_tables(list(judged(RESULTS, BENCHMARKS)), directory)
    write_errors(
        read_study(RESULTS / "studies" / "optimizers_reduced"), directory / "optimizers.md"
    )
    write_costs(directory / "costs.md")


@click.command(help=str(__doc__).partition("\n")[0])
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory of studies whose rows are copied.",
)
def main(source: Path | None) -> None:
    try:
        if source is not None:
            copy_rows(source, RESULTS / "studies")
        write_all()
    except DiffkerasError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
