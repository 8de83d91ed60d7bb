"""What may be imported by what, and when: rules of pyproject.toml, and of start-up time."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = "{'tensorflow', 'keras', 'tensorflow_datasets', 'torch', 'jax'}"
# of SciPy, that few programs need, and what is as slow: together they take a second to import
SLOW = {f"scipy.{name}" for name in ("cluster", "ndimage", "optimize", "spatial", "stats")}
SLOW |= {"scipy.sparse.linalg", "PIL", "pandas", "pyamg"}
CHECK = f"import sys; loaded = {HEAVY} & set(sys.modules); assert not loaded, loaded"


@pytest.mark.parametrize(
    "code",
    [
        "import diffkeras; diffkeras.DiffkerasError; dir(diffkeras)",
        "import diffkeras, numpy, diffkeras.system.packages as packages\n"
        "packages.silent_imports = None  # as nothing is to be silenced\n"
        "image = numpy.zeros((16, 16)); image[8, 8] = 1\n"
        "assert diffkeras.solve(image).field.shape == (16, 16)\n"
        "assert diffkeras.certify(image, image).error_bound > 0\n"
        f"import sys; slow = {SLOW} & set(sys.modules); assert not slow, slow",
        "import os; from diffkeras.system.packages import silent_imports\n"
        "os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None)\n"
        "before, errors = dict(os.environ), os.fstat(2).st_ino\n"
        "first, second = silent_imports(), silent_imports()  # of two threads\n"
        "first.__enter__(), second.__enter__(), first.__exit__(None, None, None)\n"
        "assert (os.environ['TF_CPP_MIN_LOG_LEVEL'], os.fstat(2).st_ino != errors) == ('3', True)\n"
        "second.__exit__(None, None, None)\n"
        "assert (dict(os.environ), os.fstat(2).st_ino) == (before, errors)\n"
        "os.close(2)\n"
        "with silent_imports(): pass",
        "import diffkeras; diffkeras.load_config('quickstart')",
        "import diffkeras.data.stored, diffkeras.data.generate_datasets",
        "from click.testing import CliRunner; from diffkeras.commands import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "import sys; assert not {'numpy', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "for words in ['--version'], ['train', '--help'], ['study', '--help']:\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0",
    ],
    ids=["diffkeras", "solve", "silence", "load_config", "generate", "help"],
)
def test_tensorflow_stays_out(python, code):
    python(f"{code}\n{CHECK}")


def test_loading_tensorflow_is_logged_once_before_it_begins(python):
    names = "import diffkeras as dk; dk.load_surrogate; dk.graph"
    logged = "import logging, sys; logging.basicConfig(level='INFO', stream=sys.stdout)"
    line = "INFO:diffkeras.system.packages:loading TensorFlow, which takes some seconds\n"
    assert python(f"{logged}; {names}").stdout == line
    assert python(f"{logged}; import tensorflow; {names}").stdout == ""


def test_solving_needs_what_diffkeras_solver_installs(tmp_path, python):
    """`test_setup.py` installs it in bare environments, where a test takes minutes."""
    files = (ROOT / "pyproject.toml", ROOT / "distributions" / "solver" / "pyproject.toml")
    full, solver = (tomllib.loads(file.read_text(encoding="utf-8")) for file in files)
    required = {re.split(r"[^\w.-]", line)[0] for line in full["project"]["dependencies"]}
    absent = {
        name.replace("-", "_") for name in required - {*solver["tool"]["diffkeras"]["requires"]}
    }
    assert {"keras", "matplotlib", "tensorflow", "tensorflow_datasets"} <= absent
    script = tmp_path / "solve_without.py"
    script.write_text(
        f"""
import sys
sys.modules.update(dict.fromkeys({sorted(absent)}))  # to import one of them raises ImportError
import numpy as np
from click.testing import CliRunner
import diffkeras as dk
from diffkeras.commands import main
from diffkeras.physics.linear import direct

if __name__ == "__main__":
    image = np.zeros((32, 32))
    image[10:14, 10:14] = 1.0
    contrast = 10.0 ** np.random.default_rng(0).uniform(-4, 4, image.shape)
    dk.solve(image, diffusivity=contrast)
    assert "pyamg" not in sys.modules  # larger lattices need it
    direct.MOST_DIRECT_COST = 0
    dk.solve(image, diffusivity=contrast)
    for kind in ("npy", "npz", "tif", "vti"):
        unit = "µm" if kind == "tif" else None
        dk.solve(image).save({str(tmp_path / "saved.")!r} + kind, unit=unit)
    dk.certify(0 * image, image, uptake=dk.MichaelisMenten(image[::-1], 0.1))
    dk.solve_many([dk.Problem(image)] * 4, processes=2)
    list(dk.physics.ExampleRecipe(2, (32, 32)).examples("train", range(2)))
    assert "pyamg" in sys.modules
    family = dk.Family(dk.Problem(image), {{"decay": (0.01, 0.1)}})
    dk.ReducedBasis.train(family, snapshots=8).predict([0.05], tolerance=1e-3)
    np.save({str(tmp_path / "image.npy")!r}, image)
    words = ["image.npy", "-o", "field.npy"]
    words = [{str(tmp_path)!r} + "/" + word if ".npy" in word else word for word in words]
    for command, status, last in (
        (["solve", *words], 0, ""),
        (["solve", *words, "--plot", "p.png"], 1, "`pip install matplotlib` installs it"),
        (["predict", "default", *words], 1, "`pip install .` in a checkout of diffkeras"),
    ):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == status, result.output
        assert last in result.output.splitlines()[-1], result.output
    for name in "load_surrogate", "graph", "tensorflow", "torch", "jax":
        try:
            getattr(dk, name)
        except dk.DiffkerasError as error:
            assert f"diffkeras.{{name}} needs " in str(error)
            assert isinstance(error, ModuleNotFoundError)
        else:
            assert name in ("torch", "jax")
"""
    )
    python(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')")


def test_unknown_names_are_no_attributes():
    import diffkeras

    with pytest.raises(AttributeError, match="no attribute 'solv'"):
        _ = diffkeras.solv


def test_every_public_name_loads():
    import diffkeras

    for name in diffkeras.__all__:
        assert getattr(diffkeras, name) is not None


@pytest.mark.parametrize(
    "package", ["diffkeras", "diffkeras.data", "diffkeras.nn", "diffkeras.studies"]
)
def test_no_module_hides_the_public_function_of_its_name(package):
    """Importing a module makes it an attribute of its package, in place of a lazy name."""
    names = import_module(package)._MODULES
    assert not [name for name, module in names.items() if module == f"{package}.{name}"]
