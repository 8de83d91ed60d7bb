"""The tables that are made from the code, from the scoreboard and from the studies of the paper."""

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from docs.pictures import scoreboard
from docs.tables import of_code

ROOT = Path(__file__).parents[2]
LEADERBOARD = ROOT / "benchmarks" / "results" / "leaderboard.md"


@cache
def _of_paper() -> dict[str, str]:
    from paper.figures import BENCHMARKS, RESULTS
    from paper.verdicts.claims import judged
    from paper.verdicts.tables import tables

    return tables(list(judged(RESULTS, BENCHMARKS)))


def _of_scoreboard(name: str) -> str:
    return scoreboard.tables(scoreboard.read())[name]


def _optimizers() -> str:
    from paper.figures import RESULTS
    from paper.study_data import read_study
    from paper.verdicts.tables import errors_table

    return errors_table(read_study(RESULTS / "studies" / "optimizers_reduced"))


def _rules() -> str:
    from paper.verdicts.tables import rules_table

    return rules_table()


def _costs() -> str:
    from paper.costs import table

    return table()


def _leaderboard() -> str:
    """The first split; each other table is folded."""
    text = LEADERBOARD.read_text(encoding="utf-8").strip()
    head, *sections = re.split(r"\n\n### ", text)
    first, *others = (section.split("\n\n", 1) for section in sections)
    folds = [
        f"<details><summary>{title}</summary>\n\n{table}\n\n</details>" for title, table in others
    ]
    return "\n\n".join([head, f"**{first[0]}**", first[1], *folds])


OF_PAPER = ("findings", "verdicts")
NAMED: dict[str, Callable[[], str]] = {
    "architectures": of_code.architectures,
    "commands": of_code.commands,
    "configuration": of_code.configuration,
    "study file": of_code.study_file,
    "worked examples": of_code.worked_examples,
    "scoreboard": partial(_of_scoreboard, "verdicts"),
    "scoreboard, proven": partial(_of_scoreboard, "proven"),
    "leaderboard": _leaderboard,
    "optimizers": _optimizers,
    "costs": _costs,
    "rules": _rules,
    **{name: lambda name=name: _of_paper()[name] for name in OF_PAPER},
}
