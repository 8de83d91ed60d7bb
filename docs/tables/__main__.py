"""Write the tables of the pages from what was measured, from the studies and from the code.

python -m docs.tables            # all pages, half a minute
python -m docs.tables --check    # change nothing, fail if a page differs
"""

import docs.quiet_tensorflow  # noqa: F401

import click

from diffkeras.system.atomic_files import write_text
from docs.tables import ROOT, pages, rewritten


@click.command(help=__doc__.splitlines()[0])
@click.option("--check", is_flag=True, help="Change nothing; fail if a page differs.")
def main(check: bool) -> None:  # noqa: D103 - its help is above
    changed = {page: text for page in pages() if (text := rewritten(page)) != page.read_text()}
    if check and changed:
        names = ", ".join(str(page.relative_to(ROOT)) for page in changed)
        raise click.ClickException(f"tables are not of today; run `make docs-tables`: {names}")
    for page, text in changed.items():
        write_text(page, text)
        click.echo(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
