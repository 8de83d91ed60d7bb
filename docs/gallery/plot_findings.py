"""
Findings of the paper
=====================

arXiv 2302.03786 has findings about networks that learn diffusion fields, and the project tests
them. Here pandas reads results that lie in the repository: `runs.csv` has a row for each trained
network, `verdicts.md` the outcomes, whose rules and limits are in
`Does the paper hold? <../does_the_paper_hold.html>`_ Error bars are standard deviations over
networks that were trained on equally many examples.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import diffkeras as dk

RESULTS = Path(dk.__file__).parents[1] / "paper" / "results"  # in a checkout
SIZE, COLORS = "training_examples", {"holds": "C2", "not decided": "0.8", "does not hold": "C3"}


def errors_by_size(file):
    """Mean and standard deviation of the error over the seeds, of each size of the training set."""
    runs = pd.read_csv(file, dtype={"sources": str})
    runs = runs[(runs["sources"] == "all") & (runs["test_set"] == runs["test_set"].iloc[0])]
    if "training.loss" in runs:
        runs = runs[runs["training.loss"] == "absolute"]
    return runs.groupby(SIZE)["mae"].agg(["mean", "std"])


tables = {file.parent.name: errors_by_size(file) for file in RESULTS.glob("studies/*/runs.csv")}
studies = {name: table for name, table in sorted(tables.items()) if len(table) > 3}
for name, table in studies.items():
    first, last = table.index[[0, -1]]
    factor = table["mean"].iloc[0] / table["mean"].iloc[-1]
    print(f"{name}: error / {factor:.1f} from {first} to {last} examples")
    assert factor > 1

verdicts = pd.read_table(RESULTS / "findings" / "verdicts.md", sep=r"\s*\|\s*", engine="python")
verdicts = verdicts.iloc[1:]  # without the line below the head
outcomes = verdicts["verdict"].str.strip("*")
print(outcomes.value_counts().to_string())
counts = pd.crosstab(verdicts["claim"], outcomes).loc[verdicts["claim"].unique()[::-1]]

axes = plt.figure(figsize=(8, 8), layout="constrained").subplot_mosaic("ec;sc")
for name, table in studies.items():
    axes["e"].errorbar(table.index, table["mean"], table["std"], marker="o", label=name)
    axes["s"].plot(table.index, table["std"] / table["mean"], marker="o", label=name)
axes["e"].set(title="Mean absolute error", xscale="log", yscale="log", xlabel="training examples")
axes["s"].set(title="Its deviation over seeds / error", xscale="log", xlabel="training examples")
axes["e"].legend(fontsize=7)
shown = [outcome for outcome in COLORS if outcome in counts]
counts[shown].plot.barh(stacked=True, width=0.3, color=COLORS, ax=axes["c"], xlabel="studies")
for place, claim in enumerate(counts.index):
    axes["c"].text(0, place + 0.2, claim.split(" (")[0], fontsize=6.5, in_layout=False)
axes["c"].set(title="Verdicts on the paper's claims", yticks=[], ylabel="", ylim=(-4, len(counts)))
axes["c"].legend(loc="lower right", fontsize=7)
axes["c"].set_xticks(range(counts.sum(axis=1).max() + 1))
plt.show()
