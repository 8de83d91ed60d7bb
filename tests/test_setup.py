"""What is released: `diffkeras`, `diffkeras-solver` without TensorFlow, the benchmark."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import diffkeras

ROOT = Path(__file__).parents[1]
SOLVER = ROOT / "distributions" / "solver"
BENCHMARK = ROOT / "distributions" / "benchmark"
LINK = re.compile(r"\]\((?!https?:)")
PYTHONS = ("3.11", "3.12", "3.13")
LARGEST_SOLVER = 300e6  # bytes on the disk, of diffkeras-solver and all that it requires

SOLVE = """
import sys
import numpy as np
import diffkeras as dk

image = np.zeros((32, 32))
image[10:14, 10:14] = 1.0
solution = dk.solve(image, decay=0.01)
assert solution.error_bound < 1e-9
assert dk.certify(0 * image, image).error_bound >= 1
assert solution.vjp(solution.field)["decay"] < 0
dk.solve(image, diffusivity=10.0 ** np.random.default_rng(0).uniform(-4, 4, image.shape))  # PyAMG
family = dk.Family(dk.Problem(image), {"decay": (0.01, 0.1)})
basis = dk.ReducedBasis.train(family, snapshots=8)
assert basis.predict([0.05], tolerance=1e-3).error_bound <= 1e-3
np.save("image.npy", image)
assert not {"tensorflow", "keras", "matplotlib"} & set(sys.modules)
print(dk.__version__, dk.__file__)
"""


@pytest.fixture(scope="module")
def metadata():
    """distributions/metadata.py."""
    spec = importlib.util.spec_from_file_location("m", ROOT / "distributions" / "metadata.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def test_an_old_setuptools_is_told_what_is_needed(tmp_path):
    """Python 3.11 ships setuptools 65, which can't read the license in pyproject.toml."""
    stub = "__version__ = '65.5.0'\ndef find_packages(): ...\ndef setup(): ...\n"
    (tmp_path / "setuptools.py").write_text(stub)
    done = subprocess.run(
        [sys.executable, "setup.py", "--version"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "needs setuptools 77 or newer, and this is 65.5.0" in line


@pytest.mark.parametrize("folder", [SOLVER, BENCHMARK])
def test_smaller_distributions_require_a_part_of_the_full_one_s(metadata, folder):
    own, full = project(folder), project(ROOT)["project"]
    for key in ("license", "authors", "requires-python"):
        assert own["project"][key] == full[key]
    names = own["tool"]["diffkeras"]
    requires = metadata.requirements([*names["requires"], *names.get("plot", [])])
    assert set(requires) < set(full["dependencies"])
    assert not [line for line in requires if line.startswith(("tensorflow", "keras"))]
    with pytest.raises(KeyError, match="tensorflo"):
        metadata.requirements(["tensorflo"])


def test_the_version_is_the_same_everywhere(metadata):
    version = diffkeras.__version__
    assert version == metadata.VERSION
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in citation
    assert f"\n## {version} " in (ROOT / "CHANGES.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("second", ["diffkeras_solver", "diffkeras_benchmark"])
def test_two_distributions_of_the_same_files_are_refused(tmp_path, second):
    (tmp_path / "diffkeras").symlink_to(ROOT / "diffkeras")
    for name in ("diffkeras-0.2.0", f"{second}-0.1.0"):
        (tmp_path / f"{name}.dist-info").mkdir()
    words = [sys.executable, "-c", "import diffkeras; print(diffkeras.__file__)"]
    done = run(words, cwd=tmp_path)
    last = done.stdout.splitlines()[-1]
    if second == "diffkeras_solver":
        assert done.returncode == 1
        assert last.startswith("ImportError: diffkeras and diffkeras-solver, which have the same")
        assert "run `pip uninstall diffkeras diffkeras-solver`, then install one" in last
    else:
        assert last.startswith(str(tmp_path))


def test_the_readme_works_away_from_the_repository(metadata):
    without = metadata.description(None)
    assert not LINK.search(without)
    assert "![" not in without
    place = "https://example.org/diffkeras"
    with_repository = metadata.description(f"{place}/")
    assert not LINK.search(with_repository)
    tag = f"v{diffkeras.__version__}"
    linked = re.findall(rf"\]\({place}/(?:blob|raw)/{tag}/([^)#]+)", with_repository)
    assert len(linked) > 20
    assert [name for name in linked if not (ROOT / name).exists()] == []
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", with_repository):
        assert picture.startswith(f"{place}/raw/{tag}/docs/images/")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The folder of all wheels and the source distribution, built from a copy."""
    pytest.importorskip("build", reason="`make test-wheel` installs build")
    folder = tmp_path_factory.mktemp("release")
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=left_by_commands)
    small = [["--wheel", str(copy / "distributions" / name)] for name in ("solver", "benchmark")]
    for words in ([str(copy)], *small):
        done = run([sys.executable, "-m", "build", "--outdir", str(folder), *words])
        if "No matching distribution found for setuptools" in done.stdout:
            pytest.skip("pip can't download setuptools")
        assert done.returncode == 0, done.stdout
        assert "WARNING" not in done.stdout
        assert "Package would be ignored" not in done.stdout
    return folder


def left_by_commands(folder: str, names: list[str]) -> set[str]:
    """What lies in a checkout and is no part of the repository, of the names in a folder."""
    left = set(shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build")(folder, names))
    return left | ({"data", "saved_models", "studies"} if Path(folder) == ROOT else set())


def run(words: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A program with its errors as part of its output."""
    return subprocess.run(
        words,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.wheel
def test_both_wheels_hold_the_same_files_and_all_data(released):
    wheels = [zipfile.ZipFile(path) for path in sorted(released.glob("*.whl"))]
    held = {
        Path(str(wheel.filename)).name.partition("-")[0]: {
            name for name in wheel.namelist() if ".dist-info/" not in name
        }
        for wheel in wheels
    }
    assert set(held) == {"diffkeras", "diffkeras_solver", "diffkeras_benchmark"}
    full, benchmark = held["diffkeras"], held["diffkeras_benchmark"]
    assert full == held["diffkeras_solver"]
    assert {f"diffkeras_benchmark/{n}" for n in ("hashes.json", "published.csv")} <= benchmark
    modules = {f"diffkeras_benchmark/{file.name}" for file in ROOT.glob("diffkeras_benchmark/*.py")}
    assert {name for name in benchmark if name.endswith(".py")} == modules
    assert not full & benchmark
    data = ["configs", "diffkeras/surrogates/shipped_models", "diffkeras/reporting/templates"]
    data += ["diffkeras/physics/families/shipped_bases"]
    files = [path.relative_to(ROOT) for part in data for path in (ROOT / part).rglob("*.*")]
    for package in ("diffkeras", "tfds_builders"):
        files += [path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")]
    files = [file for file in files if file.suffix != ".pyc"]
    assert len(files) > 200
    for file in files:
        assert (f"diffkeras/{file}" if file.parts[0] == "configs" else str(file)) in full


@pytest.mark.wheel
def test_an_index_takes_what_is_released(released):
    pytest.importorskip("twine", reason="`make test-wheel` installs twine")
    files = [str(path) for path in released.iterdir() if path.suffix in (".whl", ".gz")]
    assert len(files) == 4
    done = run([sys.executable, "-m", "twine", "check", "--strict", *files])
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 4


class Environment:
    """A virtual environment with one wheel in it, which runs programs in a folder of its own."""

    def __init__(self, python: Path, folder: Path, requirement: str) -> None:
        self.folder, self.bin = folder, folder / "venv" / "bin"
        folder.mkdir()
        made = run([str(python), "-m", "venv", str(folder / "venv")])
        if made.returncode:
            pytest.skip(f"{python} can't make virtual environments: {made.stdout[-300:]}")
        self.before = self.size()
        installed = self.run(f"python -m pip install --no-cache-dir '{requirement}'")
        if "No matching distribution found" in installed.stdout:
            missing = installed.stdout.rpartition("No matching distribution found")[2]
            pytest.skip(f"nothing to install for {python}: {missing.strip()[:200]}")
        assert installed.returncode == 0, installed.stdout[-3000:]

    def size(self) -> int:
        """Bytes of the environment."""
        files = (path for path in (self.bin.parent / "lib").rglob("*") if not path.is_symlink())
        return sum(path.stat().st_size for path in files if path.is_file())

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """A command line, without a shell."""
        program, *words = shlex.split(line)
        return run([str(self.bin / program), *words], cwd=self.folder)

    def succeed(self, line: str) -> str:
        """What a command line prints that must end well."""
        done = self.run(line)
        assert done.returncode == 0, (done.returncode, done.stdout)
        return done.stdout


def interpreter(version: str) -> Path:
    """A Python of a version that makes environments: of pyenv, or on the path."""
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    on_path = shutil.which(f"python{version}")  # perhaps a shim of pyenv, which doesn't run
    for found in (*of_pyenv, *([on_path] if on_path else [])):
        if run([str(found), "-c", "import ensurepip, venv"]).returncode == 0:
            return Path(found)
    pytest.skip(f"there is no python{version} with venv here")


@pytest.fixture(scope="module", params=PYTHONS)
def solver(request, released, tmp_path_factory):
    """`diffkeras-solver` in a bare environment of each Python."""
    return installed(request.param, released, tmp_path_factory, "diffkeras_solver")


@pytest.fixture(scope="module", params=PYTHONS)
def full(request, released, tmp_path_factory):
    """`diffkeras` in a bare environment of each Python."""
    environment = installed(request.param, released, tmp_path_factory, "diffkeras")
    yield environment
    shutil.rmtree(environment.folder)  # 3 GB


def installed(version: str, released: Path, tmp_path_factory, name: str) -> Environment:
    [wheel] = released.glob(f"{name}-*.whl")
    folder = tmp_path_factory.mktemp(name) / version
    return Environment(interpreter(version), folder, str(wheel))


def solves(environment: Environment) -> None:
    """What needs no TensorFlow: Python, the command, help."""
    (environment.folder / "solves.py").write_text(SOLVE, encoding="utf-8")
    printed = environment.succeed("python solves.py")
    assert diffkeras.__version__ in printed
    assert str(environment.folder) in printed
    printed = environment.succeed("diffkeras solve image.npy -o field.npy")
    assert "wrote field.npy (32×32 float64)" in printed
    assert "Fields:" in environment.succeed("diffkeras --help")
    assert diffkeras.__version__ in environment.succeed("diffkeras --version")


@pytest.mark.wheel
def test_the_solver_alone(solver):
    assert solver.size() - solver.before < LARGEST_SOLVER
    solves(solver)
    for line in ("predict default image.npy -o field.npy", "train"):
        refused = solver.run(f"diffkeras {line}")
        assert refused.returncode == 1
        last = refused.stdout.splitlines()[-1]
        how = r"needs \w+, .*`pip uninstall diffkeras-solver`, then `pip install \.` .*"
        assert re.fullmatch(rf"Error: `diffkeras \w+` {how}", last)


@pytest.mark.wheel
def test_the_benchmark_beside_the_solver(solver, released):
    [wheel] = released.glob("diffkeras_benchmark-*.whl")
    solver.succeed(f"python -m pip install --no-cache-dir '{wheel}'")
    assert "fixed_values_64" in solver.succeed("diffkeras-benchmark data")
    solver.succeed("diffkeras-benchmark data fixed_values_64 edges -o edges.npz")
    words = "--problem production --side 16 --images 1 --rounds 1 --batch 1"
    printed = solver.succeed(f"diffkeras-benchmark compare {words} -o board")
    assert "| exact solver |" in printed


@pytest.mark.wheel
def test_the_full_installation(full):
    solves(full)
    printed = full.succeed("diffkeras solve image.npy -o field.npy --plot field.png")
    assert "wrote field.png" in printed
    printed = full.succeed("diffkeras predict default image.npy -o field.npy --certify")
    assert "a proven error of at most" in printed
    full.succeed("diffkeras generate --config quickstart --preview preview.png")
