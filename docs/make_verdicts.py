"""Write the verdicts of the page "Does the paper hold?", and their rules, from results of studies.

    python docs/make_verdicts.py     # make findings runs it too

It reads docs/results/studies/STUDY/tables and writes verdicts.md and rules.md into
docs/results/findings. The rule of a verdict is the docstring of its function. A reading of the
paper whose study has no results is left out.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from diffkeras.errors import DiffkerasError
from diffkeras.studies.study_data import MARK, names_damaged, read_description, read_table

DOCS = Path(__file__).parent
READINGS = {"fixed values": "", "production": "_production"}
HOLDS, NOT, OPEN = "holds", "does not hold", "not decided"
WEIGHTED = ("exponential", "tanh", "step")
NEAR_SOURCES = ("sources", "r1")

# reads the table of an analysis of a study; None if there is none
Read = Callable[[str, str], pd.DataFrame | None]
# verdict and evidence
Verdict = tuple[str, str]


def size_matters_most(read: Read, reading: str) -> Verdict | None:
    """Holds if the interval of size's share of the variance lies above those of loss and seed,
    over the whole lattice."""
    table = read(f"size_and_loss{reading}_reduced", "variance")
    if table is None:
        return None
    shares = table[table["region"] == "lattice"].set_index("factor")
    size, loss, seed = (shares.loc[name] for name in ("size", "loss", "seed"))
    verdict = HOLDS if size["low"] > max(loss["high"], seed["high"]) else NOT
    found = (f"{name} {_percent(shares.loc[name])}" for name in ("size", "loss", "seed"))
    return verdict, f"share of the variance: {', '.join(found)}"


def logarithm(read: Read, reading: str) -> Verdict | None:
    """For the absolute loss, over the whole lattice: holds if the AICc of the logarithm is smaller
    by at least 2 and it fits (p ≥ 0.05 of lack of fit); does not hold if that of the power law is
    smaller by at least 2, or the logarithm does not fit; otherwise not decided."""
    table = read(f"size_and_loss{reading}_reduced", "size_laws")
    if table is None:
        return None
    row = table[(table["training.loss"] == "absolute") & (table["region"] == "lattice")].iloc[0]
    lacks = row["log_lack_of_fit_p"] < 0.05
    if lacks or row["better"] == "power law":
        verdict = NOT
    else:
        verdict = HOLDS if row["better"] == "logarithm" else OPEN
    better = table["better"].value_counts()
    counted = ", ".join(f"{law} {better.get(law, 0)}" for law in ("logarithm", "power law"))
    return verdict, (
        f"AICc of the logarithm minus that of the power law {_interval(row, 'aicc_difference')}; "
        f"lack of fit of the logarithm p = {row['log_lack_of_fit_p']:.2g}; "
        f"the better law of {len(table)} losses and regions: {counted}"
    )


def fluctuation_falls(read: Read, reading: str) -> Verdict | None:
    """Holds if the interval of the exponent of the relative spread lies below 0; holds for the
    absolute spread only, if only the interval of its exponent does."""
    table = read(f"size_and_loss{reading}_reduced", "fluctuation")
    if table is None:
        return None
    pooled = table[(table["training.loss"] == "all") & (table["region"] == "lattice")]
    rows = {q: pooled[pooled["quantity"] == q].iloc[0] for q in ("absolute", "relative")}
    falls = {quantity: row["exponent_high"] < 0 for quantity, row in rows.items()}
    absolute_only = "holds for the absolute spread only" if falls["absolute"] else NOT
    found = (f"{q} spread {_interval(row, 'exponent')}" for q, row in rows.items())
    return HOLDS if falls["relative"] else absolute_only, f"exponent q of {', '.join(found)}"


def time_is_linear(read: Read, reading: str) -> Verdict | None:
    """Holds if a term that is quadratic in the number of examples is not significant (p ≥ 0.05)."""
    table = None if reading else read("training_time_reduced", "training_time")
    if table is None:
        return None
    row = table.iloc[0]
    return HOLDS if row["curvature_p"] >= 0.05 else NOT, (
        f"{1e3 * row['seconds_per_example']:.1f} ms per example "
        f"[{1e3 * row['seconds_per_example_low']:.1f}, "
        f"{1e3 * row['seconds_per_example_high']:.1f}] "
        f"and {_interval(row, 'start_seconds')} s for any size; curvature "
        f"p = {row['curvature_p']:.2g}; largest residual {row['largest_residual']:.0%}"
    )


def weighted_losses_help(read: Read, reading: str) -> Verdict | None:
    """With all examples: holds if the error with a weighted loss, divided by that with the absolute
    one, has an interval below 1 on the sources or in R1, and p < 0.05 after Holm's correction."""
    table = read(f"size_and_loss{reading}_reduced", "loss_comparisons")
    if table is None:
        return None
    weighted = table["loss"].str.contains("|".join(WEIGHTED))
    chosen = table[weighted & (table["size"] == table["size"].max())]
    beyond = (chosen["high"] < 1) & (chosen["p_holm"] < 0.05)
    near = chosen["region"].isin(NEAR_SOURCES)
    best = (
        chosen.loc[part.idxmin()]
        for region in (*NEAR_SOURCES, "lattice")
        if (part := chosen[chosen["region"] == region]["ratio"]).notna().any()
    )
    found = (f"{row['region']} {_interval(row, 'ratio', '')} ({row['loss']})" for row in best)
    return HOLDS if (beyond & near).any() else NOT, (
        f"smallest ratio to the absolute loss: {', '.join(found)}"
    )


def best_for_each_count(read: Read, reading: str) -> Verdict | None:
    """Names the surrogate with the smallest error for each number of sources, and the second too if
    the interval of the ratio of their errors includes 1."""
    table = read(f"source_counts{reading}_reduced", "trained_counts")
    if table is None:
        return None
    found, best = [], set()
    for tested, rows in table.groupby("tested"):
        first, second = (rows[rows["rank"] == rank].iloc[0] for rank in (1, 2))
        tie = not second["ratio_low"] > 1
        best.add(first["trained"])
        found.append(f"{tested}: {first['trained']}" + f" or {second['trained']}" * tie)
    verdict = "one is best for all" if len(best) == 1 else "no one is best for all"
    return verdict, f"best for each number of sources: {'; '.join(found)}"


def subsets_matter(read: Read, reading: str) -> Verdict | None:
    """Holds if disjoint subsets differ (p < 0.05), or if the error of a placement differs from that
    of the uniform one (p < 0.05 after Holm's correction); otherwise not decided."""
    found, probabilities = [], []
    if (table := read(f"disjoint_subsets{reading}_reduced", "disjoint_subsets")) is not None:
        rows = table[table["error"] == "mae"].set_index("component")
        probabilities.append(rows.loc["subset", "p"])
        spreads = (f"{name} {_spread(rows.loc[name])}" for name in ("subset", "seed"))
        found.append(f"relative spread: {', '.join(spreads)}")
    if (table := read(f"placements{reading}_reduced", "variants")) is not None:
        several = table["test_set"].nunique() > 1
        for row in _comparisons(table):
            probabilities.append(row["p_holm"])
            on = f" on {row['test_set']}" * several
            ratio = f"{row['ratio']:.3g} [{row['t_low']:.3g}, {row['t_high']:.3g}]"
            found.append(f"{row['variant']} / {row['reference']}{on}: {ratio}")
    if not found:
        return None
    return HOLDS if min(probabilities) < 0.05 else OPEN, "; ".join(found)


def edge_cases_exist(read: Read, reading: str) -> Verdict | None:
    """Holds if a search finds a larger error than any on the test set, for every surrogate."""
    table = read(f"worst_cases{reading}_reduced", "worst_cases")
    if table is None:
        return None
    row = table[table["search"] == "all"].iloc[0]
    singles = table[table["search"] != "all"]
    largest = singles.groupby("run")[["ratio", "random_ratio"]].max()
    each = ", ".join(f"{ratio:.2f}" for ratio in largest["ratio"])
    return HOLDS if (largest["ratio"] > 1).all() else NOT, (
        f"for each surrogate, {each} times the largest error of the test set (as many random "
        f"images: {', '.join(f'{ratio:.2f}' for ratio in largest['random_ratio'])}); median of "
        f"{len(singles)} searches {row['ratio']:.2f}; the proven bounds failed for "
        f"{row['violations']} of {row['certified_images']} images"
    )


FINDINGS = {
    "Size matters most": size_matters_most,
    "The error falls with the logarithm of the size": logarithm,
    "The fluctuation falls with the size": fluctuation_falls,
    "The training time is linear in the size": time_is_linear,
    "Weighted losses help near the sources": weighted_losses_help,
    "Which surrogate is best for each number of sources": best_for_each_count,
    "Subsets of the data matter": subsets_matter,
    "Edge cases exist": edge_cases_exist,
}


def verdicts(studies: Path) -> Iterator[list[str]]:
    """A row for each finding and reading that has results."""
    for number, (finding, judge) in enumerate(FINDINGS.items(), 1):
        for reading, suffix in READINGS.items():
            files: list[Path] = []
            with names_damaged(files):
                judged = judge(reader(studies, files), suffix)
            if judged:
                verdict, evidence = judged
                yield [f"{number}. {finding}", reading, f"**{verdict}**", evidence]


def reader(studies: Path, files: list[Path]) -> Read:
    """Reads the tables in a directory of studies, and notes what it reads in `files`."""

    def read(study: str, analysis: str) -> pd.DataFrame | None:
        directory = studies / study
        if not (directory / MARK).is_file():
            return None
        description = read_description(directory)
        with names_damaged([directory / MARK]):
            types = description["tables"].get(analysis)
            if types is None:
                return None  # too few runs
            files.append(directory / "tables" / f"{analysis}.csv")
            return read_table(files[-1], types)

    return read


def rules() -> Iterator[list[str]]:
    """A row for each finding: when it holds."""
    for number, (finding, judge) in enumerate(FINDINGS.items(), 1):
        yield [f"{number}. {finding}", " ".join(str(judge.__doc__).split())]


def main(docs: Path) -> None:
    """Write the tables."""
    found = verdicts(docs / "results" / "studies")
    directory = docs / "results" / "findings"
    _write(directory / "verdicts.md", ["finding", "reading", "verdict", "measured"], found)
    _write(directory / "rules.md", ["finding", "rule of the verdict"], rules())


def _write(path: Path, columns: list[str], rows: Iterable[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = [columns, ["---"] * len(columns), *rows]
    lines = (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in table)
    path.write_text("".join(lines), encoding="utf-8")


def _comparisons(table: pd.DataFrame) -> Iterator[pd.Series]:
    """The rows of the lattice MAE that compare a variant with the first one."""
    rows = table[(table["error"] == "mae") & (table["variant"] != table["reference"])]
    yield from (row for _, row in rows.iterrows())


def _interval(row: pd.Series, name: str, prefix: str | None = None) -> str:
    ends = f"{name}_" if prefix is None else prefix
    return f"{row[name]:.3g} [{row[f'{ends}low']:.3g}, {row[f'{ends}high']:.3g}]"


def _percent(row: pd.Series) -> str:
    return f"{row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"


def _spread(row: pd.Series) -> str:
    return f"{row['sd']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"


if __name__ == "__main__":
    try:
        main(DOCS)
    except DiffkerasError as error:
        sys.exit(f"error: {error}")
