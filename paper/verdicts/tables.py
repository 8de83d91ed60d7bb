"""The tables of verdicts: the one of the page, and those of all studies and rules."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence

from diffkeras.evaluation.errors import ERRORS
from diffkeras.reporting.text import markdown_table
from diffkeras.studies import label_of
from paper.study_data import StudyData
from paper.verdicts.claims import (
    ALL_CLAIMS,
    FINDINGS,
    FRAMING,
    QUESTIONS,
    Judged,
)
from paper.verdicts.verdict import OPEN, UNDERPOWERED, Verdict

PAGE = ("in the paper, or our question", "largest there; here", "answer", "how sure")
ALL = ("finding", "study", "verdict", "without one size", "without one draw", "measured")
RULES = ("finding", "in the paper, or our question", "rule of the verdict")
USUAL = {"64²", "equal epochs"}  # parts of a study's label that the page's table leaves out


def page_rows(found: Sequence[Judged]) -> Iterator[list[str]]:
    """Three blocks of rows, a row for each claim that a study near the paper has judged."""
    for block in (FINDINGS, FRAMING, QUESTIONS):
        yield [f"**{block}**", "", "", ""]
        for claim in ALL_CLAIMS:
            own = [each for each in found if each.claim is claim and each.nearest]
            if claim.block == block and own:
                first, others = own[0], own[1:]
                usual = _without(first.label, USUAL)
                sure = [usual, *doubts(first.verdict), *(_beside(each, first) for each in others)]
                yield [
                    f"[{claim.name}](#{claim.anchor}): {claim.short}",
                    claim.ranges,
                    f"**{first.verdict.outcome}**: {first.verdict.answer}",
                    "; ".join(filter(None, sure)) or "one study",
                ]


def doubts(verdict: Verdict) -> Iterator[str]:
    """Why a verdict is none, in words."""
    if verdict.outcome == UNDERPOWERED:
        yield f"could detect {verdict.seen}"
    elif verdict.outcome == OPEN and verdict.left_out:
        most = max(verdict.left_out.values(), key=[*verdict.left_out.values()].count)
        other = {f"{size:,}": o for size, o in verdict.left_out.items() if o != most}
        without = f"but {' or '.join(dict.fromkeys(other.values()))} without {_either(other)}"
        yield f"{most}, {without} examples" if other else "no law is ahead"
    elif verdict.left_out:
        yield "so without any one size"


def _either(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _without(label: str, parts: Container[str]) -> str:
    return ", ".join(part for part in label.split(", ") if part not in parts)


def _beside(each: Judged, first: Judged) -> str:
    answer = f", {each.verdict.answer}" * (each.claim.block == FRAMING)
    return f"{_without(each.label, first.label.split(', '))}: {each.verdict.outcome}{answer}"


def all_rows(found: Iterable[Judged]) -> Iterator[list[str]]:
    """A row for each claim and study."""
    for each in found:
        verdict = each.verdict
        without = (
            "; ".join(f"{part}: {outcome}" for part, outcome in left_out.items())
            for left_out in (
                {f"{size:,}": o for size, o in verdict.left_out.items() if o != verdict.outcome},
                verdict.left_out_draws,
            )
        )
        yield [each.claim.name, each.label, f"**{verdict.outcome}**", *without, verdict.evidence]


def rule_rows() -> Iterator[list[str]]:
    """A row for each claim: what it is, and its rule."""
    for claim in ALL_CLAIMS:
        text = str(claim.rule.__doc__).split("\n\n    Args:")[0]
        yield [claim.name, claim.sentence, " ".join(text.split())]


def tables(found: Sequence[Judged]) -> dict[str, str]:
    """The tables of verdicts in Markdown: of the findings, and of all studies."""
    return {
        "findings": _table(PAGE, page_rows(found)),
        "verdicts": _table(ALL, all_rows(found)),
    }


def rules_table() -> str:
    """The table of rules in Markdown."""
    return _table(RULES, rule_rows())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return markdown_table(head, [[_typeset(cell) for cell in row] for row in rows], texts=head)


def _typeset(text: str) -> str:
    """With minus signs, and spaces before percent signs."""
    return re.sub(r"(?<=\d)%", " %", re.sub(r"(?<![\w\d])-(?=\d)", "−", text))


def errors_table(data: StudyData) -> str:
    """The errors of each setting of a study, means over its runs."""
    names = data.settings()
    rows = [
        [
            label_of(dict(zip(names, map(str, values), strict=True))),
            *(f"{error:.3g}" for error in errors),
        ]
        for values, errors in (
            (values, group[list(ERRORS)].mean()) for values, group in data.overall.groupby(names)
        )
    ]
    return markdown_table(["setting", *ERRORS.values()], rows, texts=["setting"])
