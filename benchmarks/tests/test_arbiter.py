"""The unit tests of simulators: readings, published numbers, and fields of other programs."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

import diffkeras as dk

ROOT = Path(__file__).parents[2]
CELL = {"ID": 1, "position": 3, "total_volume": 1, "secretion_rates": 1, "uptake_rates": 1}
CELL |= {"saturation_densities": 1, "net_export_rates": 1}


def value(test: str, key: str) -> tuple[float, float]:
    from benchmarks.arbiter import readings

    tests = {each.name: each for each in (readings.ONE_SINK, readings.MANY_SINKS)}
    reading = readings.reading_of(tests[test], key)
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
    from benchmarks.arbiter import __main__ as arbiter
    from benchmarks.arbiter.published import PUBLISHED

    found = {one: arbiter.with_time_step(one) for one in PUBLISHED}
    explained = {one: number for one, number in found.items() if number is not None}
    assert len(explained) == 5
    for one, number in explained.items():
        digits = 1e-12 if one.tool.startswith("PhysiCell") else 6e-6  # that the file has
        assert number == pytest.approx(one.value, rel=digits)


def test_a_fitting_reading_is_nearer_than_all_others():
    from benchmarks.arbiter.published import PUBLISHED
    from benchmarks.arbiter.readings import MANY_SINKS, READINGS

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
def test_the_command_writes_tables_and_picture(tmp_path):
    from benchmarks.arbiter.__main__ import main

    options = ["--output", str(tmp_path / "made"), "--picture", str(tmp_path / "made.png")]
    run = CliRunner().invoke(main, options, catch_exceptions=False)
    assert run.exit_code == 0
    for table in ("made_readings.md", "made_programs.md"):
        shipped = ROOT / "benchmarks" / "results" / table.replace("made", "arbiter")
        assert columns(tmp_path / table) == columns(shipped)
    assert (tmp_path / "made.png").stat().st_size > 10_000


def columns(table: Path) -> list[list[str]]:
    """The cells of a table without bounds, whose last digits depend on the machine."""
    lines = [line.split("|")[1:-1] for line in table.read_text().splitlines() if "|" in line]
    return [line[:5] for line in lines]


def physicell(folder: Path, field: np.ndarray) -> Path:
    """Output of PhysiCell: `field` (z, y, x), one cell in the centre, all walls hold 6022."""
    centres = (np.arange(len(field)) - len(field) // 2) * 20.0
    z, y, x = np.meshgrid(centres, centres, centres, indexing="ij")
    table = np.stack([x, y, z, np.full(x.shape, 8000.0), field]).reshape(5, -1)
    savemat(folder / "field.mat", {"multiscale_microenvironment": table}, format="4")
    cell = np.array([[0, 0, 0, 0, 1.0, 0, 12044.0, 1.0, 0]]).T
    savemat(folder / "cells.mat", {"cells": cell}, format="4")
    starts = np.cumsum([0, *CELL.values()])
    labels = "".join(
        f'<label index="{k}" size="{size}">{name}</label>'
        for k, (name, size) in zip(starts, CELL.items(), strict=False)
    )
    (folder / "final.xml").write_text(
        f'<MultiCellDS version="2"><metadata><software><version>1.10.4</version></software>'
        "<current_time>10</current_time></metadata><microenvironment><domain><variables>"
        '<variable name="oxygen"><physical_parameter_set><diffusion_coefficient>2000'
        "</diffusion_coefficient><decay_rate>0</decay_rate></physical_parameter_set></variable>"
        "</variables><data><filename>field.mat</filename></data></domain></microenvironment>"
        "<cellular_information><cell_populations><simplified_data><labels>"
        f"{labels}</labels><filename>cells.mat</filename></simplified_data></cell_populations>"
        "</cellular_information></MultiCellDS>"
    )
    walls = "".join(
        f'<boundary_value ID="{axis}{end}" enabled="True">6022</boundary_value>'
        for axis in "xyz"
        for end in ("min", "max")
    )
    (folder / "PhysiCell_settings.xml").write_text(
        '<PhysiCell_settings><microenvironment_setup><variable name="oxygen"><Dirichlet_options>'
        f"{walls}</Dirichlet_options></variable></microenvironment_setup></PhysiCell_settings>"
    )
    return folder / "final.xml"


def certify(*arguments: Any) -> tuple[int, str]:
    from benchmarks.arbiter.certify import main

    run = CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)
    return run.exit_code, run.output


@pytest.fixture
def field():
    """PhysiCell's published field of one sink."""
    made = np.full((3, 3, 3), 6022.0)
    made[1, 1, 1] = 5664.922387663928
    return made


def test_a_field_of_physicell_is_judged_by_its_own_cells(tmp_path, field):
    code, text = certify(physicell(tmp_path, field))
    distance = 6022 * 30 / (30 + 12044 / 8000) - field[1, 1, 1]
    assert code == 0
    proven = re.search("between (.+) and (.+) from the steady field", text)
    assert proven is not None
    least, most = map(float, proven.groups())
    assert distance - 1e-3 <= least <= distance <= most <= distance + 1e-3
    assert "furthest at x = 0, y = 0, z = 0" in text


def test_a_table_is_judged_by_a_reading(tmp_path):
    lines = [
        f"{x},{y},{z},{time},{9.0 if (x, y, z) == (0, 0, 0) and time else 10.0}"
        for time in (0, 1)
        for z in (-20, 0, 20)
        for y in (-20, 0, 20)
        for x in (-20, 0, 20)
    ]
    table = tmp_path / "voxels.csv"
    table.write_text("x,y,z,timestep,c\n" + "\n".join(lines))
    code, text = certify(table, "--test", "one sink", "--reading", "zero-order")
    assert code == 0
    assert "at time 1\nbetween 0.333333 and 0.333334 from the steady field" in text


FILES = [
    ("final.xml", 'version="2"', 'version="1"', "MultiCellDS of version 1, but version 2"),
    ("final.xml", "</MultiCellDS>", "", "no XML"),
    ("final.xml", "field.mat", "../field.mat", "beside it, not '../field.mat'"),
    ("final.xml", ">uptake_rates<", ">uptake<", "no 'uptake_rates' of cells"),
    ("final.xml", "2000</", "nan</", "diffusion_coefficient must be a finite number"),
    ("final.xml", "2000</", "-1</", "final.xml: diffusivity must be positive"),
    ("final.xml", 'label index="1"', 'label index="8"', "begins in row 8, and cells.mat has 9"),
    ("PhysiCell_settings.xml", "oxygen", "glucose", "knows no substance 'oxygen'"),
]
MATRICES = [
    (None, "cells.mat: has no matrix 'cells'"),
    (np.full((9, 1), 1j), "cells.mat: has no matrix 'cells'"),
    (np.full((9, 1), np.nan), "cells.mat: has cells at no place"),
]
OPTIONS = [
    (("--test", "1,000 sinks", "--reading", "zero-order"), "but the problem has (12, 12, 12)"),
    (("--test", "one sink", "--reading", "nodes"), "but the problem's are 30 µm wide"),
    (("--test", "one sink", "--reading", "third-order"), "no reading 'third-order'; it has "),
    (("--substance", "glucose"), "no substance 'glucose'; give --substance, one of oxygen"),
    (("--factor", "nan"), "is not above 0 and finite"),
]
TABLES = [
    ("x,y,c 0,0,1", "has no column 'z'"),
    ("x,y,z,c", "has 0 voxels"),
    ("x,y,z,c 0,0,0,1 20,0,0,1 30,0,0,1", "no full lattice of cubes"),
    ("x,y,z,c 0,0,0,1 20,0,0,1 0,20,0,1 0,20,0,1", "lists a voxel twice"),
    ("x,y,z,c 0,0,0,a 20,0,0,1", "could not convert"),
    ("x,y,z,c 0,0,0,nan 20,0,0,1", "values that are no finite numbers"),
]


def test_what_cant_be_judged_is_refused(tmp_path, field):
    path, table, refusals = physicell(tmp_path, field), tmp_path / "voxels.csv", []
    for name, old, new, message in FILES:
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))
        refusals.append((*certify(path), message))
        (tmp_path / name).write_text(text)
    for options, message in OPTIONS:
        refusals.append((*certify(path, *options), message))
    cells = tmp_path / "cells.mat"
    whole = cells.read_bytes()
    for values, message in MATRICES:
        cells.write_bytes(whole[:-20]) if values is None else savemat(cells, {"cells": values})
        refusals.append((*certify(path), message))
    for rows, message in TABLES:
        table.write_text("\n".join(rows.split()))
        code, text = certify(table, "--test", "one sink", "--reading", "zero-order")
        refusals.append((code, text, message))
    for code, text, message in refusals:
        assert code != 0, message
        assert message in text
        assert "Traceback" not in text


def test_the_proven_distance_is_that_of_the_file_and_not_of_its_rounded_quotient():
    from benchmarks.arbiter.certify import judge
    from benchmarks.arbiter.other_tools import OtherField

    field = OtherField(np.full((3, 3, 3), 0.1), 1.0, (0.0, 0.0, 0.0), None, "a file")
    problem = dk.Problem(field.values / 3, medium=dk.Medium(dimensions=3))
    text = judge(field, problem, 3.0)
    most = re.search("between 0 and (.+) from the steady field", text)
    assert most is not None
    distance = abs(Fraction(0.1) - 3 * Fraction(0.1 / 3))
    assert 0 < distance <= Fraction(float(most[1])) <= Fraction(1e-16)
