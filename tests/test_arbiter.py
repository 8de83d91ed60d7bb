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

ROOT = Path(__file__).parents[1]
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


def physicell(
    folder: Path, field: np.ndarray, *, version: str = "2", uptake: float = 12044.0
) -> Path:
    """Output of PhysiCell: `field` (z, y, x), one cell in the centre, all walls hold 6022."""
    centres = (np.arange(len(field)) - len(field) // 2) * 20.0
    z, y, x = np.meshgrid(centres, centres, centres, indexing="ij")
    table = np.stack([x, y, z, np.full(x.shape, 8000.0), field]).reshape(5, -1)
    savemat(folder / "field.mat", {"multiscale_microenvironment": table}, format="4")
    cell = np.array([[0, 0, 0, 0, 1.0, 0, uptake, 1.0, 0]]).T
    savemat(folder / "cells.mat", {"cells": cell}, format="4")
    starts = np.cumsum([0, *CELL.values()])
    labels = "".join(
        f'<label index="{k}" size="{size}">{name}</label>'
        for k, (name, size) in zip(starts, CELL.items(), strict=False)
    )
    (folder / "final.xml").write_text(
        f'<MultiCellDS version="{version}"><metadata><software><version>1.10.4</version></software>'
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


def edited(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("final.xml", 'version="2"', 'version="1"', "MultiCellDS of version 1, but version 2"),
        ("final.xml", "MultiCellDS", "settings", "holds <settings>, not <MultiCellDS>"),
        ("final.xml", "</MultiCellDS>", "", "no XML"),
        ("final.xml", "field.mat", "gone.mat", "gone.mat: is missing"),
        ("final.xml", "field.mat", "cells.mat", "no matrix 'multiscale_microenvironment'"),
        ("final.xml", ">uptake_rates<", ">uptake<", "no 'uptake_rates' of cells"),
        (
            "final.xml",
            "diffusion_coefficient>",
            "D>",
            "coefficient must be a finite number, not No",
        ),
        (
            "final.xml",
            "<decay_rate>0",
            "<decay_rate>fast",
            "rate must be a finite number, not 'fast'",
        ),
        (
            "final.xml",
            "physical_parameter_set",
            "physics",
            "diffusion_coefficient must be a finite number",
        ),
        ("final.xml", ">10<", ">noon<", "current_time must be a finite number, not 'noon'"),
        ("final.xml", "field.mat", "", "the file of 'multiscale_microenvironment' beside it, not"),
        ("final.xml", "field.mat", "../field.mat", "beside it, not '../field.mat'"),
        (
            "final.xml",
            "<filename>cells.mat</filename>",
            "",
            "the file of 'cells' beside it, not None",
        ),
        (
            "final.xml",
            'label index="1"',
            'label index="one"',
            "index of 'position' must be a finite number",
        ),
        ("final.xml", 'label index="1"', 'label index="8"', "begins in row 8, and cells.mat has 9"),
        (
            "final.xml",
            'label index="1"',
            'label index="-1"',
            "begins in row -1, and cells.mat has 9",
        ),
        (
            "final.xml",
            "2000</",
            "nan</",
            "final.xml: diffusion_coefficient must be a finite number",
        ),
        ("final.xml", "2000</", "-1</", "final.xml: diffusivity must be positive"),
        (
            "PhysiCell_settings.xml",
            ">6022<",
            ">much<",
            "value of xmin must be a finite number, not 'much'",
        ),
        ("PhysiCell_settings.xml", "oxygen", "glucose", "knows no substance 'oxygen'"),
        ("final.xml", "oxygen", "5'-AMP", 'knows no substance "5\'-AMP"'),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, field, file, old, new, message):
    path = physicell(tmp_path, field)
    edited(tmp_path / file, old, new)
    code, text = certify(path)
    assert code != 0
    assert message in text
    assert len(text.splitlines()) == 1


def test_a_rate_that_is_no_number_is_refused_with_the_name_of_the_file(tmp_path, field):
    code, text = certify(physicell(tmp_path, field, uptake=np.nan))
    assert code != 0
    assert f"{tmp_path / 'final.xml'}: uptake must be ≥ 0 and finite" in text


@pytest.mark.parametrize("file", ["field.mat", "cells.mat"])
def test_damaged_matrices_are_refused(tmp_path, field, file):
    path = physicell(tmp_path, field)
    content, intact = (tmp_path / file).read_bytes(), certify(path)
    key = {"field.mat": "multiscale_microenvironment", "cells.mat": "cells"}[file]
    damaged = [b"", b"no matrix", content[:10], content[:-20], content[::-1], b"\xff" * 200]
    damaged += [bytes([*content[:k], content[k] ^ 0xFF, *content[k + 1 :]]) for k in range(20)]
    for bad in damaged:
        (tmp_path / file).write_bytes(bad)
        code, text = certify(path)
        # the reader looks at no byte of a number's type that it doesn't need
        assert (code != 0 and len(text.splitlines()) == 1) or (code, text) == intact
    for values in (np.ones((2, 2, 2)), "text", np.full((9, 1), 1j), np.full((9, 1), np.nan)):
        savemat(tmp_path / file, {key: values})
        code, text = certify(path)
        assert code != 0
        assert f"{file}: has " in text


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "inf"])
def test_factors_that_are_none_are_refused(tmp_path, field, factor):
    code, text = certify(physicell(tmp_path, field), "--factor", factor)
    assert code != 0
    assert "is not above 0 and finite" in text


def test_fields_of_another_shape_are_refused(tmp_path, field):
    path = physicell(tmp_path, field)
    code, text = certify(path, "--test", "1,000 sinks", "--reading", "zero-order")
    assert code != 0
    assert "a field of (3, 3, 3) voxels (z, y, x), but the problem has (12, 12, 12)" in text
    code, text = certify(path, "--test", "one sink", "--reading", "nodes")
    assert code != 0
    assert "voxels of 20 µm, but the problem's are 30 µm wide" in text
    code, text = certify(path, "--substance", "glucose")
    assert code != 0
    assert "has no substance 'glucose'; give --substance, one of oxygen" in text
    code, text = certify(path, "--test", "one sink", "--reading", "third-order")
    assert code != 0
    assert "has no reading 'third-order'; it has zero-order, " in text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["x,y,c", "0,0,1"], "has no column 'z'"),
        (["x,y,z,c", "0,0,0,1", "20,0,0,1", "30,0,0,1"], "no full lattice of cubes"),
        (["x,y,z,c", "0,0,0,1", "20,0,0,1", "0,20,0,1"], "no full lattice of cubes"),
        (["x,y,z,c", "0,0,0,1", "20,0,0,1", "0,20,0,1", "0,20,0,1"], "lists a voxel twice"),
        (["x,y,z,c", "0,0,0,1"], "has 1 voxel "),
        (["x,y,z,c"], "has 0 voxels"),
        (["x,y,z,time,c", "0,0,0,noon,1", "20,0,0,1,1"], "the column 'time': could not convert"),
        (["x,y,z,c", "0,0,0,a", "20,0,0,1"], "could not convert"),
        (["x,y,z,c,d", "0,0,0,1,2"], "has several columns; give --substance, one of c, d"),
        ([""], "no table"),
    ],
)
def test_tables_that_are_no_lattice_are_refused(tmp_path, rows, message):
    table = tmp_path / "voxels.csv"
    table.write_text("\n".join(rows))
    code, text = certify(table, "--test", "one sink", "--reading", "zero-order")
    assert code != 0
    assert message in text


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
