"""Make what the pages show of the paper, from the committed rows: tables and figures.

    python -m paper                              # a minute or two
    python -m paper --from saved_models/studies  # copy the rows of finished studies first

It writes into the pages of docs, and into docs/images/paper.
"""

import docs.quiet_tensorflow  # noqa: F401

import shutil
from pathlib import Path

import click

from diffkeras import DiffkerasError
from docs.pictures.saving import save
from docs.tables import write
from paper.figures import FIGURES, RESULTS, draw
from paper.study_data import STUDY_FILE

ROWS = (STUDY_FILE, "runs.csv", "baselines.csv", "searches.csv")  # of a study, what is committed


def copy_rows(source: Path, studies: Path) -> None:
    """Replace the rows of finished studies."""
    for mark in sorted(source.glob(f"*/{STUDY_FILE}")):
        target = studies / mark.parent.name
        target.mkdir(parents=True, exist_ok=True)
        for file in (mark.parent / name for name in ROWS):
            if file.is_file():
                shutil.copyfile(file, target / file.name)


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
        write()
        for name in FIGURES:
            save(f"paper/{name}", draw(name))
    except DiffkerasError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
