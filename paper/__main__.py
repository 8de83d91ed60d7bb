"""Make everything again that the pages on the paper show, from the rows of studies.

    python -m paper                              # or make findings
    python -m paper --from saved_models/studies  # copy the rows of finished studies first

It writes the tables of statistics, the figures, the verdicts and the costs into paper/results.
"""

import docs.quiet_tensorflow  # noqa: F401

from pathlib import Path

import click

from benchmarks.shared.command import PATH, RESULTS
from diffkeras import DiffkerasError
from paper.costs import write_costs
from paper.findings import write_findings
from paper.verdicts.tables import write_tables

ROOT = Path(__file__).parents[1]


@click.command(help=str(__doc__).partition("\n")[0])
@click.option("--from", "source", type=PATH, help="Directory of studies whose rows are copied.")
@click.option("--root", type=PATH, default=ROOT, help="Of docs/ and paper/results/.", hidden=True)
def main(source: Path | None, root: Path) -> None:
    if source is not None and not source.is_dir():
        raise click.UsageError(f"--from {source} is no directory of studies")
    results = root / "paper" / "results"
    try:
        missing = write_findings(root, source)
        write_tables(results / "studies", RESULTS, results / "findings")
        write_costs(results / "findings" / "costs.md")
    except DiffkerasError as error:
        raise click.ClickException(str(error)) from error
    if missing:
        raise click.ClickException(f"no study has what pages show: {', '.join(missing)}")


if __name__ == "__main__":
    main()
