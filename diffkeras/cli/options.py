"""Options that every command shares, and the configuration they make."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkeras.errors import ConfigurationError

if TYPE_CHECKING:
    from diffkeras.config import Config

Command = Callable[..., Any]

# flag → the keys of the configuration that it sets
OVERRIDES: dict[str, tuple[str, ...]] = {
    "sources": ("data.sources",),
    "train_examples": ("data.train_examples",),
    "validation_examples": ("data.validation_examples",),
    "test_examples": ("data.test_examples",),
    "epochs": ("training.epochs",),
    "seed": ("data.seed", "training.seed"),
    "stream": ("data.stream",),
}


def config_option(default: str | None, help: str) -> Callable[[Command], Command]:
    """`--config`."""
    return click.option(
        "--config", "config_file", metavar="FILE", default=default, show_default=True, help=help
    )


def override_options(command: Command) -> Command:
    """The flags that win over the configuration file."""
    options = [
        click.option("--sources", metavar="LIST", help='Source counts, e.g. "1-20" or "1,5,20".'),
        click.option(
            "--train-examples", metavar="N", type=int, help="Training examples per source count."
        ),
        click.option(
            "--validation-examples",
            metavar="N",
            type=int,
            help="Validation examples per source count.",
        ),
        click.option(
            "--test-examples", metavar="N", type=int, help="Test examples per source count."
        ),
        click.option(
            "--stream",
            is_flag=True,
            default=None,
            help="Train on examples that are solved as they are needed; none are generated.",
        ),
        click.option("--epochs", metavar="N", type=int, help="Passes over the training examples."),
        click.option(
            "--seed",
            metavar="N",
            type=int,
            help="Seed of the datasets and of training; for one alone --set data.seed=N or "
            "training.seed=N.",
        ),
        click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Any other value, e.g. --set training.learning_rate=3e-4. Repeatable.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


data_dir_option = click.option(
    "--data-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Where the datasets lie.",
)

run_dir_option = click.option(
    "--run-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory of the run.  [default: saved_models/NAME]",
)

workers_option = click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes (generate) or threads (reading data) to use.  [default: all cores]",
)


def collect_overrides(flags: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys and values of the flags and `--set`s that were given; flags come last and win.

    Raises:
        click.BadParameter: a `--set` that isn't KEY=VALUE.
    """
    from diffkeras.config import from_yaml, settings

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
            overrides.pop(name, None)  # the last one is to come last
            overrides[name] = part
    for flag, keys in OVERRIDES.items():
        if flags.get(flag) is not None:
            overrides |= dict.fromkeys(keys, flags[flag])
    if flags.get("stream"):  # a cache that the file wants is for stored examples
        overrides.setdefault("data.cache", False)
    return overrides


def read_config(config_file: str, flags: dict[str, Any]) -> "Config":
    """The configuration of a file and the flags that win over it."""
    from diffkeras.config import load_config

    return load_config(config_file, collect_overrides(flags))


def default_run_dir(config: "Config") -> Path:
    """Where a run goes if nothing else is said."""
    return Path("saved_models") / config.name


def start_tensorflow() -> None:
    """Load TensorFlow, which takes seconds and which help must not pay for."""
    from diffkeras.system.tensorflow_setup import load_tensorflow

    load_tensorflow()
