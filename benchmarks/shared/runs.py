"""Surrogates that a benchmark trains once."""

import time
from pathlib import Path

from diffkeras.config import Config
from diffkeras.surrogates.run_identity import run_identity
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.workflows import train


def trained(name: str, config: Config, data_dir: Path, runs: Path) -> tuple[Surrogate, str]:
    """A surrogate and the CPU time of its training, of an earlier run if that was the same."""
    path = runs / f"{name.lower().replace(' ', '_').replace(',', '')}_{run_identity(config)}"
    start = time.process_time()
    if not (path / "seconds").exists():
        train(config, data_dir, path, overwrite=True)
        (path / "seconds").write_text(f"{time.process_time() - start:.0f} s")
    return load_surrogate(path), (path / "seconds").read_text()
