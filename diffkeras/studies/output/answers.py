"""The answers of all analyses that apply to a study: tables and figures."""

from dataclasses import dataclass

import pandas as pd

from diffkeras.reporting.print_figures import print_png, print_svg
from diffkeras.studies.analyses import ANALYSES, Analysis, TooFewRunsError
from diffkeras.studies.study_data import StudyData


@dataclass(frozen=True)
class Answer:
    """What an analysis found.

    Attributes:
        name: of its files.
        title: its heading.
        explanation: what table and figure show.
        table: None if there are too few runs.
        svg: the figure; empty if there are too few runs.
        png: the same as PNG.
        refusal: why there is no table; empty otherwise.
    """

    name: str
    title: str
    explanation: str
    table: pd.DataFrame | None = None
    svg: bytes = b""
    png: bytes = b""
    refusal: str = ""


def answer_all(data: StudyData) -> list[Answer]:
    """The answers of the analyses that apply, in the order of the report."""
    return [_answer(analysis, data) for analysis in ANALYSES if analysis.applies(data)]


def _answer(analysis: Analysis, data: StudyData) -> Answer:
    about = (analysis.name, analysis.title, analysis.explanation)
    try:
        table = analysis.table(data)
    except TooFewRunsError as error:
        return Answer(*about, refusal=str(error))
    figure = analysis.draw(table, data)
    return Answer(*about, table, print_svg(figure), print_png(figure))
