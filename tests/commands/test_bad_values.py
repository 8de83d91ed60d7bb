"""Bad values for every option of every command, as the commands list them.

Each must end with an exit status that isn't 0, one line that says why, no traceback, and all files
as they were. New options need an entry in `BAD_VALUES`, or these tests fail.
"""

import pytest

from diffkeras.commands import main
from tests.helpers.refusals import assert_refused, files_below, invoke, words_of

NUMBERS = ("", "x", "nan", "-1", "1,5", "9" * 400, "0x1g", "1e999")
WHOLE = (*NUMBERS, "0", "1.5", "1e3", "true")
LISTS = ("", "x", "0", "-1", "5-1", "1..3", "1-", "1.5", "9" * 400, "1-99999999", "[1,", "1;2")
LISTS += ("1,1", "1_0", "١-٢")
SHORT = 20  # characters of a value that a message names in full
FILES = ("", "/", "/proc/nowhere/a", "file/below", "n" * 300)
DIRECTORIES = ("/proc/nowhere", "file", "file/below", "n" * 300)

FLAGS = ("as_json", "batch", "beam", "certify", "debug", "dry_run", "overwrite", "restart", "quiet")
FLAGS += ("solver", "stream")
COUNTS = ("epochs", "jobs", "processes", "threads")
COUNTS += ("test_examples", "train_examples", "validation_examples")

BAD_VALUES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FLAGS, ()),
    **dict.fromkeys(COUNTS, WHOLE),
    **dict.fromkeys(("data_dir", "run_dir", "runs_dir"), DIRECTORIES),
    **dict.fromkeys(("production", "source_files"), ("", "/", "missing.npy", "file", "n" * 300)),
    **dict.fromkeys(("bound", "corrected"), (*FILES, "a.xyz", "sources.npy")),
    **dict.fromkeys(("name", "figure_format", "format", "test_set"), ("", "magic")),
    **dict.fromkeys(("saturation", "diffusion_length", "tolerance"), (*NUMBERS, "0", "inf")),
    "beam_options": ("--runner=None", "'open"),
    "compare": ("", "x", "=", "x="),
    "boundary": ("", "leaky", "periodic,leaky", "periodic,periodic,periodic", ","),
    "config_file": ("", "/", "nowhere", "file", "n" * 300),
    "decay": (*NUMBERS, "inf", "1e300"),
    "diffusivity": (*NUMBERS, "0", "inf", "1e300"),
    "fixed": (*FILES, "file", "missing.npy"),
    "lattice": (*WHOLE, "1x2x3", "x", "999999999"),
    "labels": ("", "x", "1=2", "1:fixed", "1:fixed=x", "1:nothing=1", "2:fixed=1", "1:uptake=-1"),
    "method": ("", "magic", "ring,ring"),
    "output": (*FILES, "a.xyz"),
    "plot": (*FILES, "a.jpg", "sources.npy"),
    "predictions": ("", "/", "missing.npz", "file"),
    "preview": FILES,
    "run": (*DIRECTORIES, ".", "missing"),
    "seed": tuple(value for value in WHOLE if value != "0"),
    "settings": (
        *("", "x", "=1", "physics=1", "physics.decay=-1", "physics.decay=[1", "nothing=1"),
        *("physics.decay.x=1", "data.seed=!!python/name:os.system", "name=../up"),
        *("data.sources=" + "[" * 5000, "data.radius=" + "9" * 5000, "training.loss=foo"),
        *("data.sources=[true]", "data.sources=[1, 1]", "data.sources=١-٢"),
    ),
    "shard": ("", "x", "1", "0/8", "9/8", "-1/8", "1/0", "1/8/2", "1.5/8", "9" * 400 + "/8"),
    "share": (*NUMBERS, "1.5", "inf"),
    "sides": (*WHOLE, "999999999", "top=leaky", "up=value:1", "top=value:x", "top=robin:-1,0"),
    "sources": LISTS,
    "step": (*NUMBERS, "0", "inf", "1e300"),
    "unit": ("", "µm"),
    "field_unit": ("", "mmHg"),
    "uptake": (*NUMBERS, "inf"),
}
# results of an evaluation go into a directory of any name
FINE = {("output", "evaluate"): ("", "a.xyz"), ("name", "evaluate"): ("magic",)}

CASES = [
    (name, str(parameter.name), value)
    for name, command in main.commands.items()
    for parameter in command.params
    for value in BAD_VALUES.get(str(parameter.name), ())
    if value not in FINE.get((str(parameter.name), name), ())
]


def test_every_parameter_has_bad_values():
    own = {str(p.name): p for command in main.commands.values() for p in command.params}
    assert own.keys() == BAD_VALUES.keys()
    for name, parameter in own.items():
        is_flag = getattr(parameter, "is_flag", False) and name != "share"
        assert bool(BAD_VALUES[name]) != is_flag, name


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        # every twelfth in the quick run
        pytest.param(
            *case, marks=[pytest.mark.slow] if number % 12 else [], id=f"{case[:2]}{number}"
        )
        for number, case in enumerate(CASES)
    ],
)
def test_a_bad_value_is_refused(place, data_dir, run_dir, command, name, value):
    values = words_of(command, data_dir, run_dir) | {name: value}
    if name == "predictions":
        del values["run"]
        values["config_file"] = "tiny.yaml"
    before = files_below(place)
    result = invoke(command, values)
    assert_refused(result, place, before)
    if 1 < len(value) < SHORT:
        # the value, the path in it that is wrong, or the option or the key that it was given for
        shown = value.encode(errors="backslashreplace").decode()
        places = (value.partition("/")[0], value.rpartition("/")[0], value.partition("=")[0])
        places += (value.partition(":")[2].partition("=")[0],)  # of 1:uptake=-1
        options = next(p.opts for p in main.commands[command].params if p.name == name)
        said = (shown, *places, name.replace("_", " "), *options)
        assert any(word.strip() and word in result.stderr for word in said), result.stderr
