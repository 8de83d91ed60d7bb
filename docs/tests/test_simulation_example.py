import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "examples" / "simulation.py"
LAGGED, CONSTANT = "uptake of the last field", "rate constant of the last field"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def run(script):
    ways = {name: way for name, way in script["WAYS"].items() if way != script["by_surrogate"]}
    return script["simulate"](6, 32, ways)


def test_solved_fields_meet_the_tolerance_and_others_don_t(script, run):
    frames, _ = run
    most = script["TOLERANCE"] * script["VESSEL"]
    for way in ("`solve`", "`solve(initial=last field)`"):
        assert script["errors"](frames, way).max() <= most
    for way in (LAGGED, CONSTANT):
        assert script["errors"](frames, way).max() > most


def test_lagged_uptake_ends_in_a_cycle_with_negative_values(script):
    cells = np.ones((16, 16), bool)
    cells[8, 8] = False
    image = np.where(script["nodes"](cells), 0.0, script["VESSEL"])
    fields = [script["cold"](image, cells, image, tolerance=1e-6)]
    for _ in range(60):
        fields.append(script["lagged"](image, cells, fields[-1]))
    assert fields[-1].min() < 0 or fields[-2].min() < 0
    assert np.abs(fields[-1] - fields[-3]).max() < np.abs(fields[-1] - fields[-2]).max() / 10
    constant = np.full((32, 32), 5.0)
    for _ in range(20):
        constant = script["lagged_constant"](image, cells, constant)
        assert constant.min() > 0
    assert np.abs(constant - fields[0]).max() <= 2 * script["TOLERANCE"] * script["VESSEL"]


def test_the_script_writes_a_table_a_picture_and_an_animation(script, run, tmp_path):
    frames, seconds = run
    *_, last = script["table"](frames, seconds).splitlines()
    assert last.startswith(f"| {CONSTANT} |")
    (axes,) = script["draw_errors"](frames[:2], list(seconds)).axes
    for line, way in zip(axes.lines, seconds, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), script["errors"](frames[:2], way))
    script["animate"](frames[:2], tmp_path / "cells.webp")
    with Image.open(tmp_path / "cells.webp") as animation:
        assert animation.n_frames == 2
