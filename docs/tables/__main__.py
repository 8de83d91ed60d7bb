"""Write the tables of the pages from what was measured, from the studies and from the code.

python -m docs.tables            # all pages, half a minute
python -m docs.tables --check    # change nothing, fail if a page differs
"""

import docs.quiet_tensorflow  # noqa: F401

import click

from docs.tables import ROOT, outdated, write


@click.command(help=__doc__.splitlines()[0])
@click.option("--check", is_flag=True, help="Change nothing; fail if a page differs.")
def main(check: bool) -> None:  # noqa: D103 - its help is above
    if check and (old := outdated()):
        names = ", ".join(str(page.relative_to(ROOT)) for page in old)
        raise click.ClickException(f"these pages have old tables; run `make docs-tables`: {names}")
    if not check:
        for page in write():
            click.echo(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
