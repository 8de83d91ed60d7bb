"""The tables of verdicts for the page "Does the paper hold?", from the rows of studies.

The rows of runs and searches are in paper/results/studies/STUDY; tables of benchmarks have the
speed of networks and solvers. The claims are in `paper.verdicts.claims`; the rule of a verdict in
words is the docstring of its function. A study without results is left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from diffkeras import load_config
from diffkeras.config import Config
from diffkeras.reporting.text import markdown_table, value_text
from diffkeras.studies import plan_study
from paper.study_data import STUDY_FILE, read_study
from paper.study_files import study_of
from paper.verdicts.claims import COUNTS, RULES, SIZES, judged, of_studies
from paper.verdicts.comparisons import joint_against_single, weighted_losses
from paper.verdicts.verdict import Verdict

NO_RUNS = Path("nowhere")  # where none is done
VERDICTS = ("claim", "study", "verdict", "without one size", "without one draw", "measured")
SUMMARY = ("claim", "verdict of the study nearest to the paper", "number that decides")
NEAREST = ("paper's recipe", "production", "128²")  # in names of studies nearer to the paper
# in which recipes differ; losses, architectures and transforms are what studies compare
SETTINGS = (
    *("training.optimizer", "training.learning_rate", "training.schedule", "training.warmup"),
    *("training.batch_size", "training.steps_per_epoch", "training.epochs"),
    *("model.initial_weights", "model.width", "model.depth"),
)
SECTIONS = {"11": "7"}  # of the page, where that is not the claim's number


def verdicts(studies: Path, benchmarks: Path) -> Iterator[list[str]]:
    """A row for each claim and study that has results: `VERDICTS`, and the number that decides."""
    return (_row(*each) for each in judged(studies, benchmarks))


def summary(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """A row for each claim of `verdicts`: `SUMMARY`."""
    for words, found in groupby(rows, key=itemgetter(0)):
        of_claim = list(found)
        nearest = max(of_claim, key=lambda row: [part in row[1] for part in NEAREST])
        others = Counter(row[2].strip("*") for row in of_claim if row is not nearest)
        rest = ", ".join(f"{count} {outcome}" for outcome, count in others.items())
        number = words.partition(".")[0].rstrip("ab")
        yield [
            f"[{words}](#finding-{SECTIONS.get(number, number)})",
            f"{nearest[2]}: {nearest[1]}" + f" (others: {rest})" * bool(rest),
            nearest[-1],
        ]


def _row(words: str, label: str, verdict: Verdict) -> list[str]:
    sizes = {f"{size:,}": outcome for size, outcome in verdict.left_out.items()}
    without_draw = (f"{draw}: {v.outcome} ({v.key})" for draw, v in verdict.left_out_draws.items())
    without = (_without(sizes), "; ".join(without_draw))
    return [words, label, f"**{verdict.outcome}**", *without, verdict.evidence, verdict.key]


def _without(left_out: Mapping[str, str]) -> str:
    """The outcomes without each part, the most frequent one last."""
    others = {
        outcome: [part for part, found in left_out.items() if found == outcome]
        for outcome in dict.fromkeys(left_out.values())
    }
    most = max(others, key=lambda outcome: len(others[outcome]), default="")
    parts = [f"{o} without {', '.join(s)}" for o, s in others.items() if o != most]
    rest = [f"{most} otherwise" if parts else f"{most} without any"] * bool(most)
    return "; ".join([*parts, *rest])


def weights(studies: Path) -> Iterator[list[str]]:
    """A row for each weighted loss and region: the ratio to the same error without the weight."""
    for label, found in of_studies(weighted_losses, SIZES, studies):
        for each in found:
            p = f"{each.p_holm:.2g}"
            yield [label, each.loss, each.reference, each.region, str(each.ratio), p]


def joint(studies: Path) -> Iterator[list[str]]:
    """A row for each number of sources: the surrogate of all numbers against that of this one."""
    for label, found in of_studies(joint_against_single, COUNTS, studies):
        for count, ratio in found.items():
            yield [label, str(count), str(ratio), f"{ratio.p:.2g}"]


def recipe(studies: Path) -> Iterator[list[str]]:
    """The names of the settings, then a row for each recipe: the authors', then those of studies.

    Studies of one recipe share a row. A setting that differs between the runs of one is "varied".
    """
    recipes = {"paper_production": _recipe([load_config("paper_production")])}
    for path in sorted(studies.glob(f"*/{STUDY_FILE}")):
        name = path.parent.name
        recipes[name] = _recipe([config for _, config in study_of(name).combinations])
    yield ["studies", *(key.partition(".")[2].replace("_", " ") for key in SETTINGS)]
    for one in dict.fromkeys(recipes.values()):
        yield [", ".join(f"`{name}`" for name, each in recipes.items() if each == one), *one]


def _recipe(configs: Iterable[Config]) -> tuple[str, ...]:
    """The values of `SETTINGS` that all configurations have."""
    recipes = [config.to_dict() for config in configs]
    places = (key.split(".") for key in SETTINGS)
    values = ({value_text(one[section][key]) for one in recipes} for section, key in places)
    return tuple(each.pop() if len(each) == 1 else "varied" for each in values)


def identities(studies: Path) -> Iterator[list[str]]:
    """A row for each study: how many of its runs are those of the present configuration."""
    for path in sorted(studies.glob(f"*/{STUDY_FILE}")):
        name = path.parent.name
        runs = set(read_study(path.parent).runs["run"])
        now = {run.identity for run in plan_study(study_of(name), NO_RUNS)}
        yield [f"`{name}`", f"{len(runs & now)} of {len(runs)}"]


def rules() -> Iterator[list[str]]:
    """A row for each claim: its rule."""
    for words, rule in RULES.items():
        text = str(rule.__doc__).split("\n\n    Args:")[0]
        yield [words, " ".join(text.split())]


def write_tables(studies: Path, benchmarks: Path, directory: Path) -> None:
    """Write the tables into a directory."""
    recipes = list(recipe(studies))
    found = list(verdicts(studies, benchmarks))
    loss = ("study", "loss", "reference", "region", "error / error without the weight", "p (Holm)")
    ratio = "error of the joint surrogate / of that of this number"
    for name, head, rows in (
        ("summary", SUMMARY, summary(found)),
        ("verdicts", VERDICTS, (row[:-1] for row in found)),
        ("rules", ("claim", "rule of the verdict"), rules()),
        ("weights", loss, weights(studies)),
        ("joint", ("study", "sources", ratio, "p"), joint(studies)),
        ("recipe", recipes[0], recipes[1:]),
        ("identities", ("study", "runs of the present configuration"), identities(studies)),
    ):
        table = markdown_table(head, list(rows), texts=head)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.md").write_text(f"{table}\n", encoding="utf-8")
