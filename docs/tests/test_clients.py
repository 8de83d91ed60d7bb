"""Programs of others with our fields: the examples for pyphysicell and for AnnData."""

import io
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import diffkeras as dk

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return __import__(name)


@pytest.mark.parametrize(
    ("name", "package"), [("ligand_fields", "anndata"), ("physicell_in_python", "pyphysicell")]
)
def test_a_missing_package_is_one_line(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SystemExit, match=f"`pip install {package}` installs it"):
        example(name, monkeypatch)


class TestPhysiCell:
    """docs/examples/physicell_in_python.py."""

    @pytest.fixture
    def physicell(self, monkeypatch):
        pytest.importorskip("pyphysicell")
        return example("physicell_in_python", monkeypatch)

    def test_its_own_steps_tend_to_the_steady_field(self, physicell, monkeypatch):
        monkeypatch.setattr(physicell, "MINUTES", 1.5)
        simulation = physicell.tumour(0.1)
        physicell.use_steady_fields(simulation, tolerance=1e-8)
        steady = simulation.microenvironment["oxygen"][0]
        coarse, fine = physicell.rest(0.002), physicell.rest(0.001)
        ratio = np.abs(coarse - steady).max() / np.abs(fine - steady).max()
        assert 1.8 < ratio < 2.05  # first order in the step
        assert np.abs(2 * fine - coarse - steady).max() < 0.05 < np.abs(fine - steady).max()

    def test_uptake_is_counted_once(self, physicell):
        simulation = physicell.tumour(0.01)
        simulation.model.track_internalized_substrates = True
        physicell.use_steady_fields(simulation)
        environment, cells = simulation.microenvironment, simulation.cells
        before = environment.density
        simulation.step()
        assert np.array_equal(environment.density, before)
        rates = np.asarray(environment.problem(0).medium.decay) - 0.1  # 1/min, of the cells
        expected = (rates * before[0, ..., 0]).sum() * environment.voxel_volume * 0.01
        # by PhysiCell's implicit step, which counts less the longer it is
        assert 0.9 * expected < cells.view("internalized").sum() < expected


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The stand-in's program, in a folder as of a project of PhysiCell."""
    if not (compiler := shutil.which("g++")):
        pytest.skip("there is no g++ here")
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(EXAMPLES / "physicell", folder / "custom_modules")
    shutil.copytree(Path(__file__).parent / "helpers" / "physicell_stand_in", folder / "core")
    words = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-I.", "core/main.cpp", "-o", "main"]
    subprocess.run([compiler, *words], cwd=folder, check=True)
    return folder / "main"


class TestPhysiCellItself:
    """docs/examples/physicell, compiled with a stand-in of PhysiCell's classes."""

    def run(self, program: Path, *words: object, solver: str | None = None) -> list[str]:
        """The lines of a run: the voxels of cells, and of three steps what `main.cpp` prints."""
        solver = solver or f"'{sys.executable}' custom_modules/steady_fields.py"
        done = subprocess.run(
            [str(program), solver, *map(str, words)],
            cwd=program.parent,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(EXAMPLES.parents[1])},
        )
        return done.stdout.splitlines()

    @pytest.mark.parametrize("planes", [1, pytest.param(4, marks=pytest.mark.slow)])
    def test_cells_live_in_steady_fields(self, program, planes):
        """Once their own implicit exchange has followed the hook."""
        lines = self.run(program, planes, 1e5)
        voxels = np.array(lines[0].split()[1:], int)
        lattice = (5, 7) if planes == 1 else (planes, 5, 7)
        cells = np.bincount(voxels, minlength=planes * 35).reshape(lattice) * 2494.0 / 8000.0
        wall = np.zeros(lattice, bool)
        wall[..., 0] = True
        how = {"step": 20.0, "boundary": "reflecting"}
        steps = [lines[1 + 3 * k : 4 + 3 * k] for k in range(3)]
        for rate, (oxygen, signal, _) in zip((10.0, 10.0, 20.0), steps, strict=True):
            found = np.array(oxygen.split()[1:], float).reshape(lattice)
            medium = dk.Medium(1e5, 0.1, **how)
            exact = dk.solve(38.0 * wall, fixed=wall, uptake=cells * rate, medium=medium).field
            np.testing.assert_allclose(found, exact, rtol=1e-8)
            found = np.array(signal.split()[2:], float).reshape(lattice)
            made = cells * 2.0 * 5.0 + cells * 3000.0 / 2494.0
            medium = dk.Medium(1e3, 0.5, **how)
            exact = dk.solve(production=made, uptake=cells * 3.0, medium=medium).field
            np.testing.assert_allclose(found, exact, rtol=1e-8)
        # what leaves the cells decays
        released = -float(steps[0][2].split()[2]) / 0.1
        assert released == pytest.approx(0.5 * exact.sum() * 8000.0, rel=0.15)

    @pytest.mark.parametrize(
        ("words", "solver", "message"),
        [
            ((1, 1e5), "false", "the program that solves has ended"),
            ((1, 1e5, "ozone"), None, "there is no substrate ozone"),
            ((1, -1), None, "diffusivity must be positive, between 1e-30 and 1e+30, not -1.0"),
        ],
    )
    def test_what_goes_wrong_reaches_physicell(self, program, words, solver, message):
        assert self.run(program, *words, solver=solver)[-1] == f"diffkeras: {message}"

    @pytest.mark.parametrize(
        ("request_", "message"),
        [
            (b"hello\n", r"b'hello\\n' is not 'planes rows columns"),
            (b"1 2 0 1 1 1 1e-3 oxygen\n", "is not 'planes rows columns"),
            (b"1 4 4 1 1 1 1e-3 oxygen\nshort", "the input ends after 5 of 512 bytes"),
            (b"9999999 9999999 9999999 1 1 1 1e-3 oxygen\n", "there is no memory for arrays"),
        ],
    )
    def test_a_request_in_another_form_ends_the_program(self, monkeypatch, request_, message):
        program = runpy.run_path(str(EXAMPLES / "physicell" / "steady_fields.py"))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request_)))
        with pytest.raises(SystemExit, match=message):
            program["main"]()


class TestSections:
    """docs/examples/ligand_fields.py."""

    @pytest.fixture
    def ligands(self, monkeypatch):
        pytest.importorskip("anndata")
        return example("ligand_fields", monkeypatch)

    @pytest.fixture
    def section(self):  # type: ignore[no-untyped-def]  # anndata may be missing
        anndata = pytest.importorskip("anndata")
        import pandas as pd

        places = np.stack(np.meshgrid(np.arange(20.0), np.arange(15.0)), -1).reshape(-1, 2) * 50
        expressed = np.zeros((300, 3), np.float32)
        expressed[150, 0], expressed[:, 1] = 100.0, 2.0
        made = anndata.AnnData(expressed, var=pd.DataFrame(index=["A", "B", "C"]))
        made.obsm["spatial"] = places
        return made

    def test_nothing_is_lost_and_all_ligands_are_one_batch(self, ligands, section):
        fields = ligands.ligand_fields(section, ["A", "B"], length=80.0, step=25.0)
        assert fields.shape[0] == 2
        np.testing.assert_allclose(fields.sum(axis=(1, 2)), [100.0, 600.0], rtol=1e-5)
        received = section.obsm["ligand_fields"]  # type: ignore[attr-defined]
        assert received.shape == (300, 2)
        assert received[:, 0].argmax() == 150
        middle = received[:, 1].reshape(15, 20)[5:10, 5:15]  # a node has a quarter of a spot
        np.testing.assert_allclose(middle, 2.0 / 4, rtol=0.2)

    @pytest.mark.parametrize(
        ("options", "places", "message"),
        [
            ({"key": "X_pca"}, None, r"no coordinates: obsm has no 'X_pca', but spatial"),
            ({"ligands": ["A", "Z"]}, None, "no gene 'Z' among its 3"),
            ({"step": 0.01}, None, "are coordinates and step in one unit"),
            ({}, np.zeros((300, 3)), r"has the shape \(300, 3\); \(spots, 2\) is needed"),
        ],
    )
    def test_a_section_without_what_is_needed(self, ligands, section, options, places, message):
        if places is not None:
            section.obsm["spatial"] = places  # type: ignore[attr-defined]
        asked = {"ligands": ["A"], "length": 80.0, "step": 25.0} | options
        with pytest.raises(ligands.SectionError, match=message):
            ligands.ligand_fields(section, asked.pop("ligands"), **asked)

    def test_the_command_prints_a_scan(self, ligands, section, monkeypatch, capsys):
        # anndata 0.12 can't write a file with pandas 3
        monkeypatch.setattr(ligands.anndata, "read_h5ad", lambda path: section)
        ligands.main("section.h5ad", "A,B", "50,99")
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(":")[0] for line in lines] == ["50", "50", "99", "99"]
