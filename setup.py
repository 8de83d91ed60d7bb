"""Metadata lives in pyproject.toml; only the mapping of the configuration folder needs code."""

import sys

from setuptools import __version__, find_packages, setup

if int(__version__.partition(".")[0]) < 77:
    sys.exit(
        f"diffkeras needs setuptools 77 or newer, and this is {__version__}; run "
        "`pip install --upgrade setuptools`, or `pip install .`, which uses its own"
    )

setup(
    packages=[*find_packages(include=["diffkeras*", "tfds_builders*"]), "diffkeras.configs"],
    # configs/ stands at the top level, where people look for it, and is installed inside the
    # package, so that `--config quickstart` also works away from the checkout.
    package_dir={"diffkeras.configs": "configs"},
    package_data={
        "diffkeras": ["py.typed", "reporting/templates/*"],
        "diffkeras.configs": ["*.yaml", "models/*.yaml", "studies/*.yaml"],
        "diffkeras.evaluation.benchmark_data": ["hashes.json"],
        "diffkeras.surrogates": ["shipped_models/*/*"],
        "tfds_builders.diffusion_fields": ["README.md", "CITATIONS.bib", "TAGS.txt"],
    },
)
