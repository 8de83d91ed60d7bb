"""`diffkeras export --solver`."""

import pytest

from diffkeras.graph import TensorSolver
from diffkeras.physics import Medium


def test_the_exported_solver_has_the_medium_of_the_options(diffkeras, tmp_path, monkeypatch):
    written = {}

    def export(solver, output, *, sources):
        written.update(medium=solver.medium, lattice=solver.lattice, sources=sources, at=output)

    monkeypatch.setattr(TensorSolver, "export", export)
    medium = Medium(2.0, 0.1, 0.5, ("periodic", "absorbing"))
    given = ("--diffusivity", 2, "--decay", 0.1, "--step", 0.5, "--boundary", "periodic,absorbing")
    words = ("export", "--solver", "--lattice", "8x12", *given, "-o", tmp_path / "solver")
    result = diffkeras(*words, "--sources", "production")
    assert result.exit_code == 0, result.output
    assert "8×12" in result.output
    assert written == {
        "medium": medium,
        "lattice": (8, 12),
        "sources": "production",
        "at": tmp_path / "solver",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "RUN"),
        (("run", "--solver", "--lattice", "8", "-o", "out"), "not both"),
        (("run", "--decay", "0.1"), "--decay"),
        (("run", "-o", "model.onnx"), "give --format onnx"),
        (("--solver", "-o", "out"), "--lattice"),
        (("--solver", "--lattice", "8"), "-o"),
        (("--solver", "--lattice", "8", "-o", "out", "--format", "onnx"), "--format"),
        (("--solver", "--lattice", "8", "-o", "out", "--decay", "-1"), "decay"),
        (("--solver", "--lattice", "20000x8", "-o", "out"), "16384"),
        (
            ("--solver", "--lattice", "8", "-o", "out", "--sources", "production", "--decay", "0"),
            "decay of 0",
        ),
    ],
)
def test_what_fits_no_solver_is_refused(refused, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("export", *words)
    assert not [*tmp_path.iterdir()]
