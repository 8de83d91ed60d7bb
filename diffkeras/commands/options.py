"""Options that several commands share, and the configuration that they give."""

import logging
import os
import re
from collections.abc import Callable, Sequence
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
Names = tuple[str, ...]
SIDE = re.compile(r"[1-9]\d{0,5}", re.ASCII)  # nodes
SPLITS = {"train": "Training", "validation": "Validation", "test": "Test"}
PATH = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
INPUT = click.Path(exists=True, dir_okay=False, path_type=Path)

command = partial(click.command, cls=DiffkerasCommand)


def number_or_map(value: Any) -> float | Path:
    """A number, or the file of a map with a number for each node."""
    try:
        return float(value)
    except ValueError:
        if os.path.isfile(value):
            return Path(value)
        raise click.BadParameter(f"{value!r} is neither a number nor a file") from None


def lattice_type(value: str, most: int = 2) -> tuple[int, ...]:
    """ROWSxCOLUMNS, or one number of nodes per side for both."""
    sides = value.lower().replace("×", "x").split("x")
    if len(sides) > most or not all(map(SIDE.fullmatch, sides)):
        raise click.BadParameter(f"{value[:40]!r} is no lattice; write e.g. 128 or 128x256")
    numbers = tuple(map(int, sides))
    return numbers if len(numbers) > 1 else numbers * 2


number_option = partial(click.option, metavar="NUMBER", type=float, show_default=True)
map_option = partial(click.option, metavar="NUMBER|FILE", type=number_or_map, show_default=True)


def _whole(help: str) -> dict[str, Any]:
    return {"metavar": "N", "type": int, "help": help}


# flag → the keys of the configuration that it sets, and the attributes of its option
OVERRIDES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "sources": (
        ("data.sources",),
        {"metavar": "LIST", "help": 'Source counts, e.g. "1-20" or "1,5,20".'},
    ),
    **{
        f"{split}_examples": (
            (f"data.{split}_examples",),
            _whole(f"{name} examples per source count."),
        )
        for split, name in SPLITS.items()
    },
    "stream": (
        ("data.stream",),
        {
            "is_flag": True,
            "default": None,
            "help": "Solve training examples when they are needed instead of storing them.",
        },
    ),
    "epochs": (("training.epochs",), _whole("Passes over the training examples.")),
    "seed": (
        ("data.seed", "training.seed"),
        _whole(
            "Seed of the datasets and of training; for one of them use --set data.seed=N or --set "
            "training.seed=N."
        ),
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
    name: str, help: str, metavar: str = "DIR", type: Any = PATH, **attributes: Any
) -> Callable[[Command], Command]:
    """An option that names a directory, or anything else, to be written."""
    return click.option(*name.split(), metavar=metavar, type=type, help=help, **attributes)


file_option = partial(path_option, metavar="FILE", type=FILE)
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


def once_each(ctx: click.Context, param: click.Parameter, value: tuple[Any, ...]) -> Any:
    """Refuse values of a repeated option that begin alike, such as two of one name."""
    names = [name for name, *_ in value]
    if twice := [name for name in names if names.count(name) > 1]:
        raise click.BadParameter(f"{twice[0]} occurs twice; leave one out", ctx, param)
    return value


def check_together(needs: Sequence[Names] = (), excludes: Sequence[Names] = ()) -> None:
    """Refuse options of the running command that don't go together, by their parameters' names.

    Each row of `needs` is an option and others, of which it needs one; of `excludes`, an option and
    others that can't be given with it.
    """
    ctx = click.get_current_context()
    shown = {
        str(p.name): p.opts[-1]
        if isinstance(p, click.Option)
        else p.human_readable_name.strip("[].")
        for p in ctx.command.params
    }
    default = ParameterSource.DEFAULT
    given = {name for name in shown if ctx.get_parameter_source(name) is not default}
    for name, *others in excludes:
        if name in given and (both := [other for other in others if other in given]):
            raise click.ClickException(f"{shown[name]} excludes {shown[both[0]]}; leave one out")
    for name, *others in needs:
        if name in given and not given & {*others}:
            raise click.ClickException(
                f"{shown[name]} needs {' or '.join(shown[o] for o in others)}"
            )


def start_tensorflow(threads: int | None = None) -> None:
    """Load TensorFlow, which takes seconds and so not for help; limit it to a number of threads."""
    from diffkeras.system.tensorflow_setup import limit_threads, load_tensorflow

    load_tensorflow()
    if threads is not None:
        limit_threads(threads)
