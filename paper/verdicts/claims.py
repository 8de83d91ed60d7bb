"""The paper's claims and our questions: the rule of each, and what it is applied to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from diffkeras.errors import RunError
from paper.prediction import (
    PAPERS_RATE,
    RATE,
    ROWS,
    all_rows,
    is_the_papers,
    lattice_is_a_proxy,
    rows_of,
    sampling_shortens_training,
)
from paper.study_data import (
    ALL,
    SEED,
    STUDY_FILE,
    VARIANT,
    StudyData,
    read_study,
    read_table,
)
from paper.verdicts import comparisons, others, sizes
from paper.verdicts.verdict import Verdict

FINDINGS, FRAMING, QUESTIONS = "The paper's findings", "Its framing", "Our questions"
EPOCHS = {
    "64², equal epochs": "size_production_epochs_64",
    "128², equal epochs": "size_production_epochs_128",
}
STEPS = {
    "64², equal steps": "size_production_steps_64",
    "128², equal steps": "size_production_steps_128",
}
# of the recipe of the reduced studies, which is not the paper's
OWN = {
    "64², equal steps, own recipe": "size_and_loss_production_reduced",
    "64², equal steps, own recipe, fixed values": "size_and_loss_reduced",
}
OF_TIME = {"64², equal epochs, own recipe, fixed values": "training_time_reduced"}


def reduced(name: str) -> dict[str, str]:
    """Both readings of a reduced study."""
    return {
        "64², own recipe": f"{name}_production_reduced",
        "64², own recipe, fixed values": f"{name}_reduced",
    }


@dataclass(frozen=True)
class Claim:
    """What the paper says, or a question of ours.

    Attributes:
        anchor: of its section on the page.
        name, short: in a few words.
        block: of the table on the page.
        sentence: of the paper, or the question.
        ranges: the largest of the paper, and ours.
        rule: of the verdict.
        studies: label → name; the first one is nearest to the paper.
        elsewhere: further studies, which other claims or an appendix are about.
    """

    anchor: str
    name: str
    short: str
    block: str
    sentence: str
    ranges: str
    rule: Callable[..., Verdict]
    studies: dict[str, str]
    elsewhere: dict[str, str]


SIZE_RANGE = "320,000; 2,000 examples"
CLAIMS = (
    Claim(
        "more-data",
        "More data",
        "“substantial effect” on the error",
        FINDINGS,
        "“Increasing the size … has a substantial effect on reducing … overall error”",
        SIZE_RANGE,
        sizes.more_data_helps,
        EPOCHS,
        OF_TIME,
    ),
    Claim(
        "size-first",
        "Size first",
        "it “contributes the most”",
        FINDINGS,
        "“the factor that contributes the most to performance is the data set size”",
        "9; 2 losses",
        sizes.size_matters_most,
        EPOCHS,
        {},
    ),
    Claim(
        "logarithm",
        "Logarithm",
        "“logarithmic dependence” on size",
        FINDINGS,
        "“The performance … exhibits a logarithmic dependence on the training set size”",
        SIZE_RANGE,
        sizes.error_falls_with_logarithm,
        EPOCHS,
        OF_TIME,
    ),
    Claim(
        "fluctuation",
        "Fluctuation",
        "more data reduce it",
        FINDINGS,
        "More data have “a substantial effect on reducing performance fluctuations”",
        SIZE_RANGE,
        sizes.spread_falls,
        EPOCHS,
        OF_TIME,
    ),
    Claim(
        "training-time",
        "Training time",
        "linear in the examples",
        FINDINGS,
        "The training time is linear in the number of examples",
        "320,000; 1,200 examples",
        sizes.time_is_linear,
        OF_TIME,
        {},
    ),
    Claim(
        "source-counts",
        "Source counts",
        "each has another best model",
        FINDINGS,
        "For each number of sources, another model is best",
        "20; 6 sources",
        comparisons.best_for_each_count,
        reduced("source_counts"),
        {},
    ),
    Claim(
        "subsets",
        "Subsets",
        "it matters which are drawn",
        FINDINGS,
        "“… the importance of sampling the configurational space in an optimal manner”",
        "16,000; 100 examples",
        comparisons.subsets_differ,
        {"64², equal steps": "subsets_production_64"},
        reduced("disjoint_subsets"),
    ),
    Claim(
        "edge-cases",
        "Edge cases",
        "errors beyond the test set's",
        FINDINGS,
        "A bound from tests “does not guarantee that edge cases with errors larger than the bound "
        "do not exist”",
        "80,000; 500 test images",
        others.edge_cases_exist,
        reduced("worst_cases"),
        {},
    ),
    Claim(
        "architecture",
        "Architecture",
        "“particularly well suited”",
        FRAMING,
        "Encoder-decoders are “particularly well suited”",
        "50 M; 0.31 M weights",
        comparisons.architecture_is_best,
        {
            "64², equal epochs": "architectures_production_parameters_64",
            "64², equal time": "architectures_production_time_64",
        },
        {},
    ),
    Claim(
        "equal-steps",
        "Equal steps",
        "is the size first then?",
        QUESTIONS,
        "Does the size also matter most after equally many steps?",
        "–; 2,000 examples",
        sizes.size_matters_most,
        STEPS,
        OWN,
    ),
    Claim(
        "number-of-sources",
        "Number of sources",
        "is the error linear in it?",
        QUESTIONS,
        "Does the error grow linearly with the number of sources?",
        "20; 20 sources",
        comparisons.error_is_linear_in_sources,
        {"128², equal epochs": "size_production_epochs_128"},
        {"128², equal steps": "size_production_steps_128"},
    ),
    Claim(
        "near-the-sources",
        "Near the sources",
        "is the error there unrelated?",
        QUESTIONS,
        "Is the error on the lattice a poor guide to the error on the sources?",
        "9; 2 losses",
        comparisons.lattice_says_little_of_sources,
        EPOCHS,
        STEPS | OWN,
    ),
    Claim(
        "weights",
        "Weights",
        "a smaller error on the sources?",
        QUESTIONS,
        "Does a weight in the loss lower the error near the sources?",
        "9; 2 losses",
        comparisons.weights_help,
        EPOCHS,
        STEPS | OWN,
    ),
    Claim(
        "losses-and-transforms",
        "Losses and transforms",
        "a smaller error?",
        QUESTIONS,
        "Do toggled or random losses, or transforms, lower the error?",
        "100; 30 epochs",
        comparisons.variant_helps,
        {"64², equal epochs": "losses_production_64"},
        {},
    ),
    Claim(
        "placements",
        "Placements",
        "best where trained?",
        QUESTIONS,
        "Does it matter where the sources lie in training?",
        "–; 3 placements",
        comparisons.loses_outside_its_placement,
        reduced("placements"),
        {},
    ),
    Claim(
        "relative-fluctuation",
        "Relative fluctuation",
        "does it fall?",
        QUESTIONS,
        "Does the fluctuation fall faster than the error?",
        SIZE_RANGE,
        sizes.spread_falls_relative_to_the_error,
        EPOCHS,
        STEPS | OWN | OF_TIME,
    ),
)
HARD_EXAMPLES = Claim(
    "hard-examples",
    "Hard examples",
    "better than random ones?",
    QUESTIONS,
    "Do hard examples in the training set lower the error more than random ones?",
    "2,000; 100 join",
    comparisons.hard_examples_help,
    {"64², equal steps": "hard_examples.csv"},  # of paper.hard_examples
    {},
)
SPEED = Claim(
    "speed",
    "Speed",
    "“several orders of magnitude”",
    FRAMING,
    "Surrogates are “several orders of magnitude”",
    "not timed; a CPU",
    others.orders_of_magnitude_faster,
    {},
    {},
)
SCALE = Claim(
    "scale",
    "Scale",
    "is a small lattice like 512²?",
    QUESTIONS,
    "Is a small lattice a proxy of the paper's?",
    "512²; 512²",
    lattice_is_a_proxy,
    {},
    {},
)
REQUIRED_TRAINING = Claim(
    "required-training",
    "Required training",
    "it depends on the sampling",
    FINDINGS,
    "Sampling “can have a significant impact on … the required training time”",
    "20; 64 sources",
    sampling_shortens_training,
    {},
    {},
)
ALL_CLAIMS = (*CLAIMS, SPEED, HARD_EXAMPLES, SCALE, REQUIRED_TRAINING)
# which rules that are not applied to studies of sizes here are, beside the paper's budget
BESIDE = (sizes.more_data_helps, sizes.error_falls_with_logarithm, sizes.spread_falls)
STEPPING, BEST = "explicit stepping", "diffkeras"  # methods of the benchmark of solvers


@dataclass(frozen=True)
class Judged:
    """The verdict on a claim by a study."""

    claim: Claim
    label: str
    verdict: Verdict
    nearest: bool  # of the studies that the page's table is about


def judged(results: Path, benchmarks: Path) -> Iterator[Judged]:
    """The verdict on each claim by each study that has results.

    Args:
        results: the directory of results, with the rows of studies and of the hard examples.
        benchmarks: the directory of the benchmarks' tables.
    """
    for claim in CLAIMS:
        if claim.block == QUESTIONS and claim.anchor == "equal-steps":
            yield from _speeds(benchmarks)
        more = STEPS | OWN if claim.rule in BESIDE else {}
        for label, name in {**claim.studies, **claim.elsewhere, **more}.items():
            if (results / "studies" / name / STUDY_FILE).is_file():
                data = read_study(results / "studies" / name)
                yield Judged(claim, label, claim.rule(data), label in claim.studies)
    if (file := results / HARD_EXAMPLES.studies["64², equal steps"]).is_file():
        verdict = HARD_EXAMPLES.rule(hard_examples(file))
        yield Judged(HARD_EXAMPLES, "64², equal steps", verdict, True)
    if (file := results / ROWS).is_file():
        for rate in (RATE, PAPERS_RATE):
            yield Judged(SCALE, f"rate {rate:g}", SCALE.rule(rows_of(file, rate)), True)
        for label, rows in sampled(file).items():
            yield Judged(REQUIRED_TRAINING, label, REQUIRED_TRAINING.rule(rows), True)


def sampled(file: Path) -> dict[str, pd.DataFrame]:
    """Each lattice and learning rate with networks of several numbers of sources, the paper's first
    → the rows on images of the paper's numbers."""
    rows = all_rows(file)
    on_papers = rows[is_the_papers(rows["tested"], rows)]
    largest = on_papers[on_papers["patches"] == on_papers["patches"].max()]
    groups = largest.groupby(["lattice", "rate"])
    return {
        f"{side}², rate {rate:g}": group
        for (side, rate), group in sorted(groups, key=lambda item: (-item[0][0], item[0][1]))
        if group["sources"].nunique() > 1
    }


def hard_examples(file: Path) -> StudyData:
    """The rows of the hard examples, whose runs are in two stages and no study's."""
    runs = read_table(file, (VARIANT, SEED)).assign(test_set="test", sources=ALL)
    factors = {name: list(runs[name].unique()) for name in (VARIANT, SEED)}
    return StudyData(factors, runs.assign(run=runs.index), runs.iloc[:0])


def _speeds(benchmarks: Path) -> Iterator[Judged]:
    for label, (network, solvers, machines) in times(benchmarks).items():
        nearest = label != "512², fixed values, fastest solver"
        yield Judged(SPEED, label, SPEED.rule(network, solvers, machines), nearest)


def times(benchmarks: Path) -> dict[str, tuple[float, dict[str, float], str]]:
    """What is compared → times [s] of an image with the network, and of solvers, and machines.

    Explicit stepping is what the authors' program does. Tissues have no symmetry that a fast
    transform could use.
    """
    network = _rows(benchmarks / "training.csv", {"nodes": "512²", "PyTorch": "inference"})
    speed, of_network = 1 / network["diffkeras [1/s]"].max(), _machine(network)
    cases = {"512², fixed values": "solver", "512²": "solver_production"}
    found: dict[str, tuple[float, dict[str, float], str]] = {}
    for label, name in cases.items():
        rows = _rows(benchmarks / f"{name}.csv", {"side": "512", "discs": "20"})
        produces = rows["method"] == "diffkeras production"
        own = rows["method"].str.startswith(BEST)
        rows = rows[produces if name.endswith("production") else ~(produces & own)]
        rows = rows[rows["method"] != "transform pair"]
        names = rows["method"].str.replace(f"{BEST} production", "solve")
        solvers = dict(zip(names, rows["time [ms]"] / 1e3, strict=True))
        machines = f"network: {of_network}; solvers: {_machine(rows)}"
        if STEPPING in solvers:
            stepping = {STEPPING: solvers.pop(STEPPING)}
            found[f"512², {STEPPING}"] = (speed, stepping, machines)
        found[f"{label}, fastest solver"] = (speed, solvers, machines)
    tissue = _rows(benchmarks / "tissue_surrogates.csv", {"nodes": "256²"}).set_index("method")
    of_tissue, u_net = tissue["alone [ms]"] / 1e3, "U-Net, fixed values"
    label = f"256² tissue, with an error of {tissue['MAE / mean field'][u_net]}"
    exact = {"exact solver": float(of_tissue["exact solver"])}
    found[label] = (float(of_tissue[u_net]), exact, _machine(tissue))
    return dict(sorted(found.items(), key=lambda item: item[0] != "512², fastest solver"))


def _rows(file: Path, where: dict[str, str]) -> pd.DataFrame:
    """The rows with these values of a benchmark's table.

    Raises:
        RunError: there are none.
    """
    table = read_table(file, where)
    for name, value in where.items():
        table = table[table[name] == value]
    if table.empty:
        raise RunError(f"{file} has no row for {where}; measure it, and run this again")
    return table


def _machine(rows: pd.DataFrame) -> str:
    """The caption of a table without the versions of programs."""
    return str(rows["measured on"].iloc[0]).partition("; Python")[0]
