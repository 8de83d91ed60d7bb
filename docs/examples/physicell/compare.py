"""PhysiCell itself, with its own diffusion and with steady fields.

    git clone --branch 1.14.2 https://github.com/MathCancer/PhysiCell
    python docs/examples/physicell/compare.py PhysiCell

Builds the template project of that folder in a copy, with `steady_fields.h`, and runs a disc of
cells that take up oxygen, whose walls hold it: with PhysiCell's steps of 0.01 and 0.001 min until
nothing changes, and with the steady field; then hours of both. It needs g++ and make.
"""

import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

HERE = Path(__file__).parent
HOOK = """
    if (argc > 2)
        diffkeras::use_steady_fields(argv[2], std::atof(argv[3]), std::atof(argv[4]));
"""
RESTS = {  # by their tags in the settings: cells that don't move, grow or divide
    "cell_cell_repulsion_strength": 0,
    "cell_cell_adhesion_strength": 0,
    "fluid_change_rate": 0,
    "death_rate": 0,
    r'duration index="0" fixed_duration="false"': 1e9,
}
WALL = 38.0  # mmHg


def built(physicell: Path, folder: Path) -> Path:
    """The program of the template project, with the hook and a disc of cells."""
    shutil.copytree(physicell, folder, ignore=shutil.ignore_patterns(".git", "*.o"))
    subprocess.run(["make", "template"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for name in ("steady_fields.h", "steady_fields.py"):
        shutil.copy(HERE / name, folder / "custom_modules")
    source = (folder / "main.cpp").read_text()
    include = '#include "./custom_modules/custom.h"'
    source = source.replace(include, f'{include}\n#include "./custom_modules/steady_fields.h"')
    source = source.replace("setup_tissue();", f"setup_tissue();{HOOK}")
    (folder / "main.cpp").write_text(source)
    places = np.random.default_rng(1).uniform(-250, 250, (1500, 2))
    lines = [f"{x},{y},0,0\n" for x, y in places[np.hypot(*places.T) < 250]]
    (folder / "config" / "cells.csv").write_text("".join(lines))
    subprocess.run(["make"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def settings(folder: Path, step: float, minutes: float, changes: dict[str, float]) -> str:
    """The template's settings with the walls' oxygen, in 0.8 × 0.8 mm², and some changes."""
    text = (folder / "config" / "PhysiCell_settings.xml").read_text()
    sides = {"x_min": -400, "x_max": 400, "y_min": -400, "y_max": 400}
    times = {"max_time": minutes, "dt_diffusion": step, "dt_mechanics": max(step, 0.1)}
    oxygen = {"decay_rate": 0.1, "initial_condition": WALL, "uptake_rate": 10}
    walls = {f'boundary_value ID="{side}"': WALL for side in ("xmin", "xmax", "ymin", "ymax")}
    several = {"number_of_cells": 0, "omp_num_threads": 1, "Dirichlet_boundary_condition": WALL}
    never = {"interval": 1e6}  # pictures and data between the first and the last
    for tag, value in (sides | times | oxygen | walls | several | never | changes).items():
        text = re.sub(rf"(<{tag}(?=[ >])[^>]*>)[^<]*", rf"\g<1>{value}", text)
    for tag in ("Dirichlet_boundary_condition", *walls, "cell_positions"):
        text = re.sub(rf'(<{tag}(?=[ >])[^>]*enabled=")\w+', r"\g<1>true", text)
    return text


def run(
    folder: Path, step: float, minutes: float, changes: dict[str, float], *steady: float
) -> tuple[NDArray[np.float64], int, float]:
    """The field (rows, columns) [mmHg], the number of cells, and the CPU time [s] of a run."""
    (folder / "settings.xml").write_text(settings(folder, step, minutes, changes))
    solver = [f"'{sys.executable}' custom_modules/steady_fields.py"] if steady else []
    words = ["./project", "settings.xml", *solver, *map(str, steady)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    output = folder / "output"
    density = loadmat(output / "final_microenvironment0.mat")["multiscale_microenvironment"][4]
    cells = loadmat(output / "final_cells.mat")["cells"].shape[1]
    side = round(len(density) ** 0.5)
    return density.reshape(side, side), cells, seconds


def main() -> None:
    """Compare."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = built(Path(sys.argv[1]), Path(temporary) / "project")
        field, _, seconds = run(folder, 0.1, 3, RESTS, 1.0, 1e-6)
        print(f"steady: {seconds:.1f} s, {field.min():.3f} mmHg at least")
        for step in (0.01, 0.001):
            own, _, seconds = run(folder, step, 3, RESTS)
            away = np.abs(own - field).max()
            print(f"PhysiCell, step {step} min: {seconds:.1f} s, {away:.3f} mmHg from it")
        for name, step, steady in (
            ("PhysiCell, step 0.01 min", 0.01, ()),
            ("steady, each minute", 0.1, (1.0, 1e-4)),
            ("steady, each 6 min", 0.1, (6.0, 1e-4)),
        ):
            field, cells, seconds = run(folder, step, 240, {}, *steady)
            print(f"4 hours, {name}: {seconds:.1f} s, {cells} cells, {field.mean():.2f} mmHg")


if __name__ == "__main__":
    main()
