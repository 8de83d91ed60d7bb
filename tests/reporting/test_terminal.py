import re

import numpy as np
import pytest

from diffkeras.reporting.terminal import fitted, markdown_text, table_text
from diffkeras.reporting.text import Table, markdown_table

WORDS = ("field", "proven", "maximum", "(relative", "L2)", "0.00123", "±", "x", "of", "conjugate")


def sentence(rng, most):
    return " ".join(rng.choice(WORDS, rng.integers(1, most + 1)))


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("seed", range(30))
def test_tables_of_any_size_fit_without_a_broken_or_a_lost_word(seed):
    rng = np.random.default_rng(seed)
    columns = [f"{sentence(rng, 4)} c{k}" for k in range(rng.integers(1, 20))]
    rows = [[sentence(rng, 5) for _ in columns] for _ in range(rng.integers(0, 6))]
    text = table_text(columns, rows, whole="errors.csv")
    assert max(map(len, text.splitlines())) <= 80
    table, _, left = text.partition("\nnot shown: ")
    names = left.replace("\n ", "").partition(", see errors.csv")[0].split(", ") if left else []
    shown = len(columns) - len(names)
    assert names == columns[shown:]
    expected = [word for row in (columns, *rows) for cell in row[:shown] for word in cell.split()]
    assert sorted(re.sub(r"\n-+(\n|$)", r"\n", table).split()) == sorted(expected)


@pytest.mark.usefixtures("narrow")
def test_the_important_columns_stay():
    columns = ["method", *(f"region{k}" for k in range(20)), "cost"]
    table = Table(columns, [["a", *map(str, range(21))]], important=["method", "cost"])
    head, _, row, *left = table.to_text("all.csv").splitlines()
    assert head.split()[:3] == ["method", "cost", "region0"]
    assert row.split()[:3] == ["a", "20", "0"]
    assert left[0].startswith("not shown: region")
    assert left[-1].endswith("see all.csv")


@pytest.mark.usefixtures("narrow")
def test_sentences_are_wrapped_between_words_and_paths_stay_whole():
    path = "/" + "long" * 30
    assert fitted(f"see {path} there") == f"see\n  {path}\n  there"
    text = fitted("  word" + " word" * 40, before=7)
    first, *others = text.splitlines()
    assert first.startswith("  word")
    assert len(first) <= 73
    assert all(len(line) <= 80 and line.startswith("    word") for line in others)
    assert fitted("a\n\n  b") == "a\n\n  b"


@pytest.mark.usefixtures("narrow")
def test_markdown_is_printed_without_its_marks():
    table = markdown_table(["model", "error"], [["**mine**", "1 ± 2"], [r"[a\*b](https://x)", "3"]])
    page = f"# Board\n\n**Bold** is *mine*, {'and ' * 30}more.\n\n{table}\n"
    assert markdown_text(page).splitlines() == [
        "Board",
        "=====",
        "",
        f"*Bold* is mine, {'and ' * 15}and",
        f"{'and ' * 14}more.",
        "",
        "model   error",
        "-------------",
        "*mine*  1 ± 2",
        "a*b         3",
    ]
