"""Bad values and damaged files for every option of every command, as the commands list them.

Each must end with an exit status that isn't 0, one line that says why, no traceback, and all files
as they were. New options need an entry in `BAD_VALUES`, or these tests fail.
"""

import io
import json
import random
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from diffkeras.cli import main
from diffkeras.config import Config
from diffkeras.data import dataset_status

NUMBERS = ("", "x", "nan", "-1", "1,5", "9" * 400, "0x1g", "1e999")
WHOLE = (*NUMBERS, "0", "1.5", "1e3", "true")
LISTS = ("", "x", "0", "-1", "5-1", "1..3", "1-", "1.5", "9" * 400, "1-99999999", "[1,", "1;2")
FILES = ("", "/", "/proc/nowhere/a", "file/below", "n" * 300)
DIRECTORIES = ("/proc/nowhere", "file", "file/below", "n" * 300)

BAD_VALUES: dict[str, tuple[str, ...]] = {
    "batch": (),
    "beam": (),
    "beam_options": ("--runner=None", "'open"),
    "bound": (*FILES, "a.xyz", "sources.npy"),
    "boundary": ("", "leaky", "periodic,leaky", "periodic,periodic,periodic", ","),
    "certify": (),
    "config_file": ("", "/", "nowhere", "file", "n" * 300),
    "corrected": (*FILES, "a.xyz", "sources.npy"),
    "data_dir": DIRECTORIES,
    "debug": (),
    "decay": (*NUMBERS, "inf", "1e300"),
    "diffusion_length": (*NUMBERS, "0", "inf"),
    "diffusivity": (*NUMBERS, "0", "inf", "1e300"),
    "dry_run": (),
    "epochs": WHOLE,
    "fixed": (*FILES, "file", "missing.npy"),
    "lattice": (*WHOLE, "1x2x3", "x", "999999999"),
    "method": ("", "magic", "ring,ring"),
    "output": (*FILES, "a.xyz"),
    "overwrite": (),
    "plot": (*FILES, "a.jpg", "sources.npy"),
    "preview": FILES,
    "production": ("", "/", "missing.npy", "file", "n" * 300),
    "restart": (),
    "run": (*DIRECTORIES, ".", "missing"),
    "run_dir": DIRECTORIES,
    "seed": tuple(value for value in WHOLE if value != "0"),
    "settings": (
        "",
        "x",
        "=1",
        "physics=1",
        "physics.decay=-1",
        "physics.decay=[1",
        "physics.decay.x=1",
        "data.seed=!!python/name:os.system",
        "data.sources=" + "[" * 5000,
        "nothing=1",
        "data.radius=" + "9" * 5000,
        "name=../up",
    ),
    "share": (*NUMBERS, "1.5", "inf"),
    "source_file": ("", "/", "missing.npy", "file", "n" * 300),
    "sources": LISTS,
    "step": (*NUMBERS, "0", "inf", "1e300"),
    "stream": (),
    "test_examples": WHOLE,
    "tolerance": (*NUMBERS, "0", "inf"),
    "train_examples": WHOLE,
    "validation_examples": WHOLE,
    "worker_timeout": (*NUMBERS, "0"),
    "workers": WHOLE,
}
# the results of an evaluation go into a directory of any name
FINE = {("output", "evaluate"): ("", "a.xyz")}


@pytest.fixture
def place(tmp_path: Path, tiny_file: Path, tiny: Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an image, a list of discs, a configuration, a study and a file."""
    image = np.zeros((16, 16))
    image[4:8, 5:9] = 1.0
    np.save(tmp_path / "sources.npy", image)
    (tmp_path / "discs.yaml").write_text("[{row: 8, column: 8, radius: 2, value: 1}]")
    (tmp_path / "file").write_text("precious")
    shutil.copy(tiny_file, tmp_path / "tiny.yaml")
    study = "name: s\nbase: tiny.yaml\nfactors: {training.seed: [0]}\n"
    (tmp_path / "study.yaml").write_text(study)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words_of(command: str, data_dir: Path, run_dir: Path) -> dict[str, str]:
    """Values with which a command works, by the names of its parameters."""
    data = {"data_dir": str(data_dir)}
    source = {"source_file": "sources.npy", "output": "field.npy"}
    return {
        "generate": {"config_file": "tiny.yaml", "data_dir": "data"},
        "train": {"config_file": "tiny.yaml", **data, "run_dir": "new"},
        "evaluate": {"run": str(run_dir), **data, "output": "results"},
        "study": {"config_file": "study.yaml", **data, "run_dir": "study"},
        "solve": source,
        "predict": {"run": str(run_dir), **source},
    }[command]


def invoke(command: str, values: dict[str, str]) -> Result:
    """Run a command in this process with values for its parameters."""
    words = []
    for parameter in main.commands[command].params:
        if parameter.name in values:
            value = values[parameter.name]
            if isinstance(parameter, click.Argument):
                words.append(value)
            else:
                words += [f"{max(parameter.opts, key=len)}={value}"]
    return CliRunner().invoke(main, [command, *words])


def files_below(directory: Path) -> dict[str, bytes]:
    return {
        file.relative_to(directory).as_posix(): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file() and not file.is_fifo()
    }


def assert_refused(result: Result, place: Path, before: dict[str, bytes]) -> None:
    """One line, an exit status, no traceback, and nothing written."""
    assert result.exit_code not in (0, None), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    errors = [line for line in result.stderr.splitlines() if "Error: " in line]
    assert len(errors) == 1, result.output
    assert result.stderr.splitlines()[-1].rpartition("Error: ")[2].strip()
    assert len(errors[0]) < 2000
    assert files_below(place) == before


CASES = [
    (name, str(parameter.name), value)
    for name, command in main.commands.items()
    for parameter in command.params
    for value in BAD_VALUES.get(parameter.name or "", ())
    if value not in FINE.get((parameter.name or "", name), ())
]


def test_every_parameter_has_bad_values() -> None:
    for command in main.commands.values():
        for parameter in command.params:
            assert parameter.name in BAD_VALUES, f"{command.name} {parameter.name}"
            is_flag = getattr(parameter, "is_flag", False) and parameter.name not in ("share",)
            assert bool(BAD_VALUES[parameter.name]) != is_flag, parameter.name


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        # every sixth in the quick run
        pytest.param(
            *case, marks=[pytest.mark.slow] if number % 6 else [], id=f"{case[:2]}{number}"
        )
        for number, case in enumerate(CASES)
    ],
)
def test_a_bad_value_is_refused(
    place: Path, data_dir: Path, run_dir: Path, command: str, name: str, value: str
) -> None:
    values = words_of(command, data_dir, run_dir) | {name: value}
    if name == "lattice":
        values["source_file"] = "discs.yaml"
    if name == "run_dir" and command == "evaluate":
        del values["run"]
    before = files_below(place)
    assert_refused(invoke(command, values), place, before)


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def npz(text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("source_image.npy", text)
    return stream.getvalue()


def saved(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, image, allow_pickle=True)
    return stream.getvalue()


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(stream, kind)
    return stream.getvalue()


def flipped(content: bytes, seed: int) -> bytes:
    changed = bytearray(content)
    changed[random.Random(seed).randrange(len(changed))] ^= 1 << seed % 8
    return bytes(changed)


def damaged(content: bytes) -> Iterator[bytes]:
    yield from (b"", b"\0", content[: len(content) // 2], content[:-1], b"x" * 500)


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': %s, }\n"
PNG = picture("PNG")
SOURCES: list[tuple[str, bytes]] = [
    *((".npy", content) for content in damaged(saved(np.eye(16)))),
    *((".npz", content) for content in damaged(npz(saved(np.eye(16))))),
    *((".png", content) for content in damaged(PNG) if content != PNG[:-1]),
    *((".tif", content) for content in damaged(picture("TIFF"))),
    (".npy", npy(b"{'descr': broken\n")),
    (".npy", npy(b"\xff" * 60)),
    (".npy", npy(b"(" * 9000)),
    *((".npy", npy(HEADER % shape)) for shape in (b"(10**9, 10**9)", b"(1000000000, 1000000000)")),
    *((".npy", npy(HEADER % shape)) for shape in (b"(-1, 5)", b"(16,)", b"()", b"'x'")),
    (".npz", npz(b"text")),
    (".npz", npz(npy(HEADER % b"(99999999, 99999999)"))),
    (".npy", saved(np.array([["a", "b"]]))),
    (".npy", saved(np.array([[object()]], object))),
    (".npy", saved(np.eye(4) * 1j)),
    (".npy", saved(np.ones((2, 8, 8)))),
    (".npy", saved(np.full((8, 8), np.nan))),
    (".npy", saved(np.full((8, 8), np.inf))),
    (".png", PNG.replace(b"IDAT", b"IDAX")),
    (".png", PNG[:40] + bytes(100) + PNG[140:]),
    (".png", PNG[:16] + b"\x7f\xff\xff\xff\x7f\xff\xff\xff" + PNG[24:]),
    *((".yaml", text) for text in (b"\xff\xfe", b"{", b"- 1", b"sources: 3", b"a: &a [*a]")),
    (".yaml", b"lattice: 16\nsources: [{row: 8, column: 8, radius: 2, value: 1e300}]"),
    (".yaml", b"lattice: 16\nsources: !!python/object/apply:os.system [ls]"),
    (".csv", b"1,2"),
]


@pytest.mark.parametrize(("suffix", "content"), SOURCES, ids=range(len(SOURCES)))
@pytest.mark.parametrize("parameter", ["source_file", "fixed", "production"])
def test_damaged_source_files(place: Path, suffix: str, content: bytes, parameter: str) -> None:
    (place / f"damaged{suffix}").write_bytes(content)
    before = files_below(place)
    values = {"source_file": "sources.npy", "output": "field.npy", parameter: f"damaged{suffix}"}
    assert_refused(invoke("solve", values), place, before)


@pytest.mark.parametrize("kind", ["npy", "npz", "png", "tif", "yaml"])
@pytest.mark.slow
def test_flipped_bits_of_source_files(place: Path, kind: str) -> None:
    """A flipped bit may leave a file that can be read, but never ends in a traceback."""
    discs = b"lattice: 16\nsources: [{row: 8, column: 8, radius: 2, value: 1.0}]\n"
    content = {
        "npy": saved(np.eye(16)),
        "npz": npz(saved(np.eye(16))),
        "png": PNG,
        "tif": picture("TIFF"),
        "yaml": discs,
    }[kind]
    for seed in range(100):
        (place / f"flipped.{kind}").write_bytes(flipped(content, seed))
        before = files_below(place)
        result = invoke("solve", {"source_file": f"flipped.{kind}", "output": "field.npy"})
        if result.exit_code == 0:
            (place / "field.npy").unlink()
        else:
            assert_refused(result, place, before)


NESTED = b"[" * 100_000
CONFIGS = [
    *(b"\xff", b"{", b"- 1", b"5", b"a: b: c", b"physics: 3", b"physics: {decay: x}", b"name: [1]"),
    *(b"&a [*a]", b"data: !!python/name:os.system", b"%YAML 9.9\n---\na: 1", b"? [1]\n: 2", NESTED),
    b"training: {loss: {error: [1]}}",
    b"physics: {lattice: [" + b"9" * 5000 + b"]}",
    b"data: {radius: [" + b"1," * 10**4 + b"]}",
]


@pytest.mark.parametrize("content", CONFIGS, ids=range(len(CONFIGS)))
@pytest.mark.parametrize(
    "command",
    [
        "generate",
        *(pytest.param(c, marks=pytest.mark.slow) for c in ("train", "evaluate", "study")),
    ],
)
def test_damaged_configurations(
    place: Path, data_dir: Path, run_dir: Path, command: str, content: bytes
) -> None:
    (place / "damaged.yaml").write_bytes(content)
    before = files_below(place)
    values = words_of(command, data_dir, run_dir) | {"config_file": "damaged.yaml"}
    assert_refused(invoke(command, values), place, before)


def other_models(config: Config) -> Iterator[keras.Model]:
    """Models that are no surrogate of a configuration."""
    inputs = keras.Input((None, None, 1))
    convolution = keras.layers.Conv2D(1, 3, padding="same")
    output = convolution(inputs)
    yield keras.Model(inputs, [output, output])
    yield keras.Model({"a": inputs}, output)
    yield keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same")(inputs))
    yield keras.Model(inputs, keras.layers.Conv2D(1, 3)(inputs))
    yield keras.Model(inputs, keras.layers.Flatten()(keras.layers.Cropping2D(7)(inputs)))
    three = keras.Input((None, None, 3))
    yield keras.Model(three, keras.layers.Conv2D(1, 3, padding="same")(three))
    small = keras.Input((8, 8, 1))
    yield keras.Model(small, keras.layers.Conv2D(1, 3, padding="same")(small))
    text = keras.Input((4,), dtype="int32")
    yield keras.Model(text, keras.layers.Dense(1)(text))
    yield keras.Sequential([keras.layers.Dense(1)])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(9))
def test_models_that_are_no_surrogate(
    place: Path, own_run: Path, data_dir: Path, tiny: Config, number: int
) -> None:
    model = list(other_models(tiny))[number]
    model.save(own_run / "model.keras")
    for command in ("predict", "evaluate"):
        before = files_below(place)
        assert_refused(invoke(command, words_of(command, data_dir, own_run)), place, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.keras", "run.json", "config.yaml"])
def test_damaged_runs(place: Path, own_run: Path, data_dir: Path, name: str) -> None:
    file = own_run / name
    content = file.read_bytes()
    for damage in (*damaged(content), NESTED, b"[1]", b"null", b'{"state": []}', b'{"state": 3}'):
        if damage == content[:-1] and name != "model.keras":
            continue  # only the last line's end is missing
        file.write_bytes(damage)
        before = files_below(place)
        for command in ("predict", "evaluate"):
            assert_refused(invoke(command, words_of(command, data_dir, own_run)), place, before)


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, 1e400, "deep"])
def test_wrong_types_in_run_json(place: Path, own_run: Path, data_dir: Path, value: Any) -> None:
    """A key of another type is refused or not needed, but never ends in a traceback."""
    file = own_run / "run.json"
    content = json.loads(file.read_text())
    for key in content:
        file.write_text(json.dumps({**content, key: [[]] * 9 if value == "deep" else value}))
        before = files_below(place)
        result = invoke("predict", words_of("predict", data_dir, own_run))
        if result.exit_code == 0:
            (place / "field.npy").unlink()
        else:
            assert_refused(result, place, before)


METADATA = ("dataset_info.json", "features.json")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "evaluate", "generate"])
@pytest.mark.parametrize("name", METADATA)
def test_damaged_metadata_of_datasets(
    place: Path,
    own_data: Path,
    run_dir: Path,
    tiny: Config,
    command: str,
    name: str,
) -> None:
    file = dataset_status(tiny, 2, own_data).path / name
    content = file.read_bytes()
    fields = json.loads(content)
    others = [
        json.dumps({**fields, key: value}).encode() for key in fields for value in (3, [], "x")
    ]
    for damage in (*damaged(content), NESTED, b"[1]", b"null", *others):
        if damage == content[:-1]:
            continue  # only the last line's end is missing
        file.write_bytes(damage)
        before = files_below(place)
        values = words_of(command, own_data, run_dir)
        if command == "generate":
            values |= {"data_dir": str(own_data), "share": "0.01"}
        result = invoke(command, values)
        assert "Traceback" not in result.output
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert result.exit_code in (0, 1), (damage, result.output)
        if result.exit_code == 0:  # a key that nothing reads
            for left in ("new", "results"):
                shutil.rmtree(place / left, ignore_errors=True)
        else:
            assert files_below(place) == before


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "generate"])
def test_damaged_shards(
    place: Path, own_data: Path, run_dir: Path, tiny: Config, command: str
) -> None:
    [file] = dataset_status(tiny, 2, own_data).path.glob("*-test.tfrecord-*")
    content = file.read_bytes()
    huge = (2**62).to_bytes(8, "little") + content[8:]
    for damage in (
        *damaged(content),
        huge,
        content + b"more",
        *(flipped(content, k) for k in range(9)),
    ):
        file.write_bytes(damage)
        before = files_below(place)
        values = words_of(command, own_data, run_dir)
        if command == "generate":
            values |= {"data_dir": str(own_data), "share": "0.01"}
        result = invoke(command, values)
        assert result.exit_code == 1, result.output
        assert str(file) in result.output
        assert "Traceback" not in result.output
        assert files_below(place) == before
