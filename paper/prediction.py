"""What runs on small lattices predict for 512×512 nodes, and what the runs there then give.

    python -m paper.prediction    # before the runs at 512²: writes paper/results/prediction.json

The prediction is of the relative lattice MAE (that of the network's averaged weights / that of a
field of zeros) after `LAST_STEP` steps, as the geometric mean of three draws, for each number of
nodes in the training set. It comes from three models of the smaller lattices, fitted to ln error of
all runs, each with a level for each number of nodes:

- density: a line in the logarithm of the mean number of sources per step, which equal nodes leave
  as the only difference in what a step sees;
- side: a line in the logarithm of the side;
- last: no change from 256² on, with the scatter of the runs of all lattices.

The predicted value is that of the density. Its interval reaches from the lowest to the highest end
of the 95 % prediction intervals (Student's t) of all three, because three lattices can't tell the
models apart. It includes the scatter of the test images of each lattice.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from scipy import stats

from paper.statistics.ratios import ratios
from paper.verdicts.verdict import MARGIN, Verdict, decide, one_lowers_it

RESULTS = Path(__file__).parent / "results"
ROWS = "scale.csv"
SMALL, LARGE = (64, 128, 256), 512
SOURCES = {64: "1", 128: "1-2", 256: "1-5", 512: "1-20"}  # the paper's density at most
PLATEAU = 0.9  # of the error of zeros
LAST_STEP, DRAWS = 2000, 3
RATE, PAPERS_RATE = 1e-3, 1e-4  # chosen at 64²; the paper's
WIDTH, STEP_PATCHES = 8, 64
CONFIDENCE = 0.95
PER_STEP = {64: 64.0, 128: 24.0, 256: 12.0, 512: 10.5}  # mean number of sources


def rows_of(file: Path, rate: float = RATE) -> pd.DataFrame:
    """The rows of the runs of the design with a learning rate."""
    rows = all_rows(file)
    own = (rows["sources"] == rows["tested"]) & is_the_papers(rows["sources"], rows)
    return rows[own & (rows["rate"] == rate)]


def all_rows(file: Path) -> pd.DataFrame:
    """The rows on test images, with averaged weights, also of other rates, and other numbers of
    sources than the paper's: `sources` trained on, and `tested` on."""
    rows = pd.read_csv(file, dtype={"sources": "str", "tested": "str"})
    for name in ("sources", "tested"):
        rows[name] = rows[name].fillna(rows["lattice"].map(SOURCES))
    chosen = (rows["split"] == "test") & (rows["weights"] == "averaged")
    chosen &= (rows["width"] == WIDTH) & (rows["step_patches"] == STEP_PATCHES)
    return rows[chosen].assign(ln_error=np.log(rows["relative_mae"]))


def is_the_papers(counts: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """Whether numbers of sources are the paper's on the lattice of each row."""
    return counts == rows["lattice"].map(SOURCES)


def leaving(rows: pd.DataFrame, by: str = "lattice") -> str:
    """For each draw of the largest set, by a column, the recorded step by which the error is below
    0.9 of the error of zeros, or the last step with a ">", in words."""
    largest = rows[rows["patches"] == rows["patches"].max()].sort_values("step")
    found: dict[str, list[str]] = {}
    for (value, _), run in largest.groupby([by, "seed"]):
        left = run["step"][run["relative_mae"] < PLATEAU]
        step = f"{left.iloc[0]:,}" if len(left) else f">{run['step'].iloc[-1]:,}"
        found.setdefault(f"{value}²" if by == "lattice" else str(value), []).append(step)
    steps = "; ".join(f"{name} {', '.join(each)}" for name, each in found.items())
    return f"steps until it is below {PLATEAU} of the error of zeros: {steps}"


def _places(model: str, lattices: pd.Series) -> np.ndarray:
    """The explanatory variable of a model, 0 at 512²."""
    if model == "density":
        return np.log(lattices.map(PER_STEP).to_numpy(float) / PER_STEP[LARGE])
    return np.log2(lattices.to_numpy(float) / LARGE)


def _interval(rows: pd.DataFrame, size: int, model: str) -> np.ndarray:
    """Value and 95 % limits of the mean ln error of three runs at 512², by one model."""
    cells = rows.groupby(["lattice", "patches"])["ln_error"]
    within, df = float((cells.var() * (cells.size() - 1)).sum()), len(rows) - cells.ngroups
    if model == "last":
        rows = rows[rows["lattice"] == max(SMALL)]
    levels = pd.get_dummies(rows["patches"]).astype(float)
    design = levels.to_numpy()
    at = (levels.columns == size).astype(float)
    if model != "last":
        design = np.column_stack([design, _places(model, rows["lattice"])])
        at = np.append(at, 0.0)
    inverse = np.linalg.pinv(design.T @ design)
    fit = inverse @ design.T @ rows["ln_error"].to_numpy()
    left = rows["ln_error"].to_numpy() - design @ fit
    if model != "last":  # a line also misses the means of the lattices
        within, df = left @ left, len(rows) - design.shape[1]
    scatter = within / df
    images = (rows["relative_mae_se"] / rows["relative_mae"]).pow(2).mean()
    variance = scatter * (at @ inverse @ at + 1 / DRAWS) + 2 * images
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, df) * np.sqrt(variance)
    return at @ fit + reach * np.array([0, -1, 1])


def predict(rows: pd.DataFrame) -> dict[str, Any]:
    """Number of nodes in 64² patches → the predicted relative MAE with its interval, by model."""
    known = rows[rows["lattice"].isin(SMALL) & (rows["step"] == LAST_STEP)]
    sizes, found = sorted(int(size) for size in known["patches"].unique()), {}
    for size in sizes:
        models = {m: np.exp(_interval(known, size, m)) for m in ("density", "side", "last")}
        found[str(size)] = {
            "predicted": float(models["density"][0]),
            "low": float(min(ends[1] for ends in models.values())),
            "high": float(max(ends[2] for ends in models.values())),
            "models": {m: [float(f"{end:.4g}") for end in ends] for m, ends in models.items()},
        }
    return {"lattice": LARGE, "steps": LAST_STEP, "runs": len(known), "relative_mae": found}


def known_prediction() -> dict[str, Any]:
    """The prediction that was written before the runs at 512²."""
    text = (RESULTS / "prediction.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def outcome(rows: pd.DataFrame, prediction: dict[str, Any]) -> dict[int, tuple[float, bool]]:
    """Number of patches → the geometric mean of the runs at 512², and whether it was predicted."""
    there = rows[(rows["lattice"] == LARGE) & (rows["step"] == prediction["steps"])]
    found = {}
    for size, group in there.groupby("patches"):
        value = float(np.exp(group["ln_error"].mean()))
        of_size = prediction["relative_mae"][str(size)]
        found[int(str(size))] = value, of_size["low"] <= value <= of_size["high"]
    return found


def lattice_is_a_proxy(rows: pd.DataFrame) -> Verdict:
    """The relative lattice MAE of the largest training set on the largest lattice against that at
    64², after equally many steps of equally many nodes. Holds if the interval of the ratio lies
    within 5 % of 1, does not hold if it lies beyond."""
    last = rows[rows["step"] == LAST_STEP]
    *others, largest = (
        group.pivot(index="seed", columns="lattice", values="ln_error")
        for _, group in last.groupby("patches")
    )
    found = ratios(largest, SMALL[0], [each for each in others if each.shape == largest.shape])
    side = max(largest.columns)
    ratio = found[str(side)]
    words = [f"{name}² {each}" for name, each in found.items()]
    if side == LARGE and rows["rate"].eq(RATE).all():
        predicted = known_prediction()
        for size, (value, inside) in outcome(rows, predicted).items():
            of = predicted["relative_mae"][str(size)]
            interval = f"{of['predicted']:.3g} [{of['low']:.2g}, {of['high']:.2g}]"
            words.append(f"predicted {interval}, found {value:.3g}{'' if inside else ', outside'}")
    return Verdict(
        decide(
            holds=ratio.low > 1 - MARGIN and ratio.high < 1 + MARGIN,
            fails=ratio.low > 1 + MARGIN or ratio.high < 1 - MARGIN,
            powerless=ratio.seen > MARGIN,
        ),
        f"{ratio.value:.0f} times the error at {side}²",
        f"relative error / that at 64²: {'; '.join(words)}; {leaving(rows)}",
        ratio.seen_in_words,
    )


def sampling_shortens_training(rows: pd.DataFrame) -> Verdict:
    """Networks that were trained with other numbers of sources, against those trained with the
    paper's: the lattice MAE on images of the paper's numbers after equally many steps. Holds if,
    for one of them, the interval of the ratio lies below 1 and p < 0.05 (t test with the scatter of
    all, corrected by Holm's method). Does not hold if all intervals lie above 0.95. If both are so,
    it holds."""
    last = rows[rows["step"] == LAST_STEP]
    found = ratios(
        last.pivot(index="seed", columns="sources", values="ln_error"), last["tested"].iloc[0]
    )
    best = min(found, key=lambda name: found[name].value)
    outcome, p = one_lowers_it(found, best)
    words = (f"trained with {name} {ratio}, p = {p[name]:.2g}" for name, ratio in found.items())
    return Verdict(
        outcome,
        f"trained with {best.replace('-', '–')} sources, {found[best].value:.2f} times the error",
        f"relative error / that with the paper's numbers: {'; '.join(words)}; "
        f"{leaving(rows, 'sources')}",
        found[best].seen_in_words,
    )


@click.command(help=(__doc__ or "").splitlines()[0])
@click.option("--rows", default=RESULTS / ROWS, type=click.Path(path_type=Path))
@click.option("--output", default=RESULTS / "prediction.json", type=click.Path(path_type=Path))
def main(rows: Path, output: Path) -> None:
    known = rows_of(rows)
    if (known["lattice"] == LARGE).any():
        raise click.ClickException(f"{rows} has runs at 512² already: a prediction comes before")
    text = json.dumps(predict(known), indent=2)
    output.write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
