"""Options that several commands share, and the configuration that they give."""

import logging
import math
import os
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from diffkeras.commands.command import DiffkerasCommand
from diffkeras.errors import ConfigurationError

if TYPE_CHECKING:
    from diffkeras.config import Config

logger = logging.getLogger(__name__)

Command = Callable[..., Any]
T = TypeVar("T")
BYTES_PER_NODE = 16  # a source image and a field of float64; solvers take more
PATH = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
INPUT = click.Path(exists=True, dir_okay=False, path_type=Path)

command = partial(click.command, cls=DiffkerasCommand)


class NumberOrMap(click.ParamType):
    """A number, or the file of a map with a number for each node."""

    name = "number or map"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | Path:
        """A float or a path; an error for what is neither a number nor a file."""
        try:
            float(value)
        except ValueError:
            if os.path.isfile(value):
                return Path(value)
            self.fail(f"{value!r} is neither a number nor a file", param, ctx)
        return float(click.FLOAT.convert(value, param, ctx))


class LatticeType(click.ParamType):
    """A number of nodes per side, or ROWSxCOLUMNS; in `space` also PLANESxROWSxCOLUMNS."""

    name = "lattice"

    def __init__(self, space: bool = False) -> None:
        self.space = space

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...] | int:
        """Parse; one number is a pair, but in `space` itself."""
        sides = [part.strip() for part in str(value).lower().replace("×", "x").split("x")]
        most = 3 if self.space else 2
        if len(sides) > most or not all(
            s.isascii() and s.isdecimal() and len(s) < 10 and int(s) for s in sides
        ):
            self.fail(f"{str(value)[:40]!r} is no lattice; write e.g. 128 or 128x256", param, ctx)
        numbers = tuple(map(int, sides))
        pair = numbers * 2 if len(numbers) == 1 else numbers
        self._check_memory(math.prod(pair), value, param, ctx)
        return numbers[0] if self.space and len(numbers) == 1 else pair

    def _check_memory(self, nodes: int, value: Any, param: Any, ctx: Any) -> None:
        """Refuse what memory can't hold, because the system may end the process that takes it."""
        from diffkeras.system.environment import available_memory

        needed, available = nodes * BYTES_PER_NODE, available_memory()
        if needed > available:
            self.fail(
                f"{value} has {nodes:,} nodes, which take at least {needed / 1e9:.3g} GB of "
                f"memory, and {available / 1e9:.3g} GB are available; choose a coarser one",
                param,
                ctx,
            )


number_option = partial(click.option, metavar="NUMBER", type=float, show_default=True)
map_option = partial(click.option, metavar="NUMBER|FILE", type=NumberOrMap(), show_default=True)
_INTEGER = {"metavar": "N", "type": int}
# flag → the keys of the configuration that it sets, and the attributes of its option
OVERRIDES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "sources": (
        ("data.sources",),
        {"metavar": "LIST", "help": 'Source counts, e.g. "1-20" or "1,5,20".'},
    ),
    "train_examples": (
        ("data.train_examples",),
        {**_INTEGER, "help": "Training examples per source count."},
    ),
    "validation_examples": (
        ("data.validation_examples",),
        {**_INTEGER, "help": "Validation examples per source count."},
    ),
    "test_examples": (
        ("data.test_examples",),
        {**_INTEGER, "help": "Test examples per source count."},
    ),
    "stream": (
        ("data.stream",),
        {
            "is_flag": True,
            "default": None,
            "help": "Solve training examples when they are needed instead of storing them.",
        },
    ),
    "epochs": (("training.epochs",), {**_INTEGER, "help": "Passes over the training examples."}),
    "seed": (
        ("data.seed", "training.seed"),
        {
            **_INTEGER,
            "help": "Seed of the datasets and of training; for one of them use --set data.seed=N "
            "or --set training.seed=N.",
        },
    ),
}


def config_option(default: str | None, help: str) -> Callable[[Command], Command]:
    """`--config`."""
    return click.option(
        "--config", "config_file", metavar="FILE", default=default, show_default=True, help=help
    )


def override_options(*names: str) -> Callable[[Command], Command]:
    """Options that replace values of the configuration file: these, and `--set`."""

    def decorate(command: Command) -> Command:
        command = click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Any other value, e.g. --set physics.decay=0.01. Repeatable.",
        )(command)
        for name in reversed(names):
            _, attributes = OVERRIDES[name]
            command = click.option(f"--{name.replace('_', '-')}", **attributes)(command)
        return command

    return decorate


def path_option(
    name: str, help: str, metavar: str = "DIR", **attributes: Any
) -> Callable[[Command], Command]:
    """An option that names a directory, or anything else, to be written."""
    return click.option(*name.split(), metavar=metavar, type=PATH, help=help, **attributes)


def file_option(name: str, help: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option that names a file to be written."""
    return click.option(*name.split(), metavar="FILE", type=FILE, help=help, **attributes)


data_dir_option = path_option(
    "--data-dir", "Directory of the datasets.", default=Path("data"), show_default=True
)


def count_option(name: str, help: str, default: str = "all cores") -> Callable[[Command], Command]:
    """A number of processes or threads."""
    return click.option(
        name, metavar="N", type=click.IntRange(1, 4096), help=f"{help}.  [default: {default}]"
    )


threads_option = count_option(
    "--threads", "Threads of one process: of TensorFlow, and that read data"
)
boundary_option = click.option(
    "--boundary",
    metavar="NAME[,NAME]",
    callback=lambda ctx, param, value: tuple(value.split(",")) if "," in value else value,
    default="absorbing",
    show_default=True,
    help="absorbing (dirichlet), reflecting (neumann, no-flux, zero-flux, zero-gradient, "
    "insulated) or periodic; or a pair, for top and bottom, then for left and right; in three "
    "dimensions three, the first for front and back.",
)


def taken(kind: Callable[..., T], options: dict[str, Any]) -> T:
    """A dataclass made of the options of its fields' names, which are removed from `options`."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    return kind(**{name: options.pop(name) for name in names if name in options})


def collect_overrides(flags: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys and values of flags and `--set`; flags come last and win."""
    from diffkeras.config import settings
    from diffkeras.system.yaml_io import from_yaml

    overrides: dict[str, Any] = {}
    for setting in flags.get("settings", ()):
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
        try:
            value = from_yaml(text)
        except ConfigurationError as error:
            raise click.BadParameter(f"{key.strip()} is {error}", param_hint="--set") from None
        for name, part in settings(key.strip(), value).items():
            overrides.pop(name, None)  # the last of several comes last
            overrides[name] = part
    for flag, (keys, _) in OVERRIDES.items():
        if flags.get(flag) is not None:
            overrides |= dict.fromkeys(keys, flags[flag])
    if flags.get("stream"):  # a cache that the file asks for is for stored examples
        overrides.setdefault("data.cache", False)
    return overrides


def read_config(config_file: str, flags: dict[str, Any]) -> "Config":
    """The configuration in a file, with the flags that replace its values."""
    from diffkeras.config import load_config

    ctx = click.get_current_context(silent=True)
    source = ctx and ctx.get_parameter_source("config_file")
    if source is ParameterSource.DEFAULT:
        logger.info(f"configuration: {config_file}, the default; choose another with --config")
    return load_config(config_file, collect_overrides(flags))


def is_given(name: str) -> bool:
    """Whether the running command was given an option or argument, even if it is the default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not ParameterSource.DEFAULT


def start_tensorflow(threads: int | None = None) -> None:
    """Load TensorFlow, which takes seconds and so not for help; limit it to a number of threads."""
    from diffkeras.system.tensorflow_setup import limit_threads, load_tensorflow

    load_tensorflow()
    if threads is not None:
        limit_threads(threads)
