"""Time of a stroke on the playground, in headless Chromium.

    make docs
    python -m benchmarks.playground  # half a minute; needs `pip install '.[browser]'` and Chromium

A vessel, a cell and a slow region are drawn, each by forty moves of the pointer, and the page
computes all four maps after each move. Times are medians over the moves, without the first forty,
in which the browser compiles the scripts.
"""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.shared.command import command
from benchmarks.shared.tables import describe_machine, write_table
from docs.browser import PAGE, choose, opened

if TYPE_CHECKING:
    from playwright.sync_api import Page

COLUMNS = [
    "surrogate",
    "nodes",
    "exact field (ms)",
    "prediction (ms)",
    "proof (ms)",
    "colours (ms)",
    "together (ms)",
    "of 9 in 10 moves (ms)",
]
SURROGATES = ("tissue", "saturating_tissue")
SIDES = (64, 128)
KINDS = ("vessel", "cell", "slow")
MOVES, WARM = 40, 40  # moves of each kind; of all, those that aren't counted
# Draws with the tools of the page, one move a frame
STROKES = """async ([moves, kinds]) => {
  const page = document.querySelector('#diffkeras-playground').playground, result = [];
  for (const kind of kinds) {
    page.root.querySelector(`input[value=${kind}]`).click();
    page.drawing.begin();
    page.penAt = null;
    for (let k = 0; k < moves; k++) {
      const angle = 2 * Math.PI * k / moves;
      const place = [Math.sin(angle), Math.cos(1.3 * angle)];
      page.drawTo(place.map((share) => Math.round(page.side * (0.5 + 0.3 * share))));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      result.push(page.milliseconds);
    }
  }
  return result;
}"""


def row(view: "Page", surrogate: str, side: int) -> list[str]:
    """The row of a surrogate on a square lattice."""
    choose(view, "surrogate", surrogate)
    choose(view, "side", str(side))
    laps = view.evaluate(STROKES, [MOVES, KINDS])[WARM:]
    parts = [statistics.median(lap) for lap in zip(*laps, strict=True)]
    whole = sorted(map(sum, laps))
    times = [*parts, statistics.median(whole), whole[int(0.9 * len(whole))]]
    return [surrogate, f"{side}×{side}", *(f"{time:.0f}" for time in times)]


@command(__doc__, "playground")
def main(output: Path) -> None:
    with opened(PAGE, 1300) as view:
        browser = view.context.browser.version
        rows = [row(view, surrogate, side) for side in SIDES for surrogate in SURROGATES]
    caption = describe_machine(())
    write_table(rows, COLUMNS, output, f"Headless Chromium {browser}, 1300 px wide, {caption}")


if __name__ == "__main__":
    main()
