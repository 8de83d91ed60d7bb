"""Surrogates that a benchmark trains once."""

import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.shared.tables import describe_machine, joined, version
from diffkeras import train
from diffkeras.config import Config
from diffkeras.identity import run_identity
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.atomic_files import read_json, write_json


class Trained(NamedTuple):
    """A surrogate, the CPU time of its training in words, and the versions of it and of now."""

    surrogate: Surrogate
    seconds: str
    versions: str


def trained(name: str, config: Config, data_dir: Path, runs: Path) -> Trained:
    """A surrogate, of an earlier run if the same was trained on this machine with its packages."""
    path = runs / f"{name.lower().replace(' ', '_').replace(',', '')}_{run_identity(config)}"
    file, start = path / "made_with.json", time.process_time()
    machine = describe_machine(("numpy", "tensorflow", "keras"))
    if not file.exists() or read_json(file)["machine"] != machine:
        train(config, data_dir, path, overwrite=True)
        seconds = f"{time.process_time() - start:.0f} s"
        write_json(file, {"machine": machine, "version": version(), "seconds": seconds})
    made = read_json(file)
    versions = joined([made["version"], version()])
    return Trained(load_surrogate(path), made["seconds"], versions)
