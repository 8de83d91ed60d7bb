"""The unit tests of simulators: readings and published numbers."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

import diffkeras as dk
from benchmarks.arbiter import __main__ as arbiter
from benchmarks.arbiter.published import PUBLISHED
from benchmarks.arbiter.readings import MANY_SINKS, READINGS, TESTS, reading_of

ROOT = Path(__file__).parents[2]


def value(test: str, key: str) -> tuple[float, float]:
    reading = reading_of(TESTS[test], key)
    return reading.value(dk.solve(reading.problem()))


@pytest.mark.parametrize(
    ("key", "formula"),
    [  # six neighbours hold 10 µM, and D/h² is 5/min with voxels of 20 µm, 20/9 with 30 µm
        ("zero-order", 10 - 20 / 30),
        ("zero-order-molecules", 10 - 20 / 8000 / 30),
        ("first-order-weighted", 300 / (30 + 12044 / 8000)),
        ("first-order", 300 / (30 + 2)),
        ("saturating", (27 / 3 - 2 / 3 + ((27 / 3 - 2 / 3) ** 2 + 40) ** 0.5) / 2),
        ("nodes", 10 - 20 * (8 / 27) / (120 / 9)),
        ("producing", 26 * 10 / (12044 / 8000)),
    ],
)
def test_one_sink_is_a_formula(key, formula):
    found, bound = value("one sink", key)
    assert bound < 1e-11
    assert abs(found - formula) <= bound + 1e-13 * formula


def test_time_steps_give_the_published_numbers():
    found = {one: arbiter.with_time_step(one) for one in PUBLISHED}
    explained = {one: number for one, number in found.items() if number is not None}
    assert len(explained) == 5
    for one, number in explained.items():
        digits = 1e-12 if one.tool.startswith("PhysiCell") else 6e-6  # that the file has
        assert number == pytest.approx(one.value, rel=digits)


def test_a_fitting_reading_is_nearer_than_all_others():
    values = {
        reading.key: reading.value(dk.solve(reading.problem()))[0]
        for reading in READINGS
        if reading.test is MANY_SINKS
    }
    fitted = [one for one in PUBLISHED if one.test is MANY_SINKS and one.reading]
    assert len(fitted) == 4
    for one in fitted:
        distances = {key: abs(number - one.value) for key, number in values.items()}
        assert min(distances, key=distances.__getitem__) == one.reading


@pytest.mark.slow
def test_the_command_writes_the_published_tables(tmp_path):
    options = ["--output", str(tmp_path / "made")]
    run = CliRunner().invoke(arbiter.main, options, catch_exceptions=False)
    assert run.exit_code == 0
    for table in ("made_readings.csv", "made_programs.csv"):
        shipped = ROOT / "benchmarks" / "results" / table.replace("made", "arbiter")
        assert columns(tmp_path / table) == columns(shipped)


def columns(table: Path) -> list[list[str]]:
    """The cells of a table without bounds, whose last digits depend on the machine."""
    with table.open(newline="") as lines:
        return [line[:5] for line in csv.reader(lines)]
