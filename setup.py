"""Metadata lives in pyproject.toml; only the mapping of the configuration folder needs code."""

from setuptools import setup

setup(
    packages=[
        "diffkeras",
        "diffkeras.cli",
        "diffkeras.configs",
        "diffkeras.data",
        "diffkeras.nn",
        "diffkeras.nn.losses",
        "diffkeras.nn.metrics",
        "diffkeras.physics",
        "diffkeras.workflows",
        "tfds_builders",
        "tfds_builders.diffusion_fields",
    ],
    # configs/ stands at the top level, where people look for it, and is installed inside the
    # package, so that `--config quickstart` also works away from the checkout.
    package_dir={"diffkeras.configs": "configs"},
    package_data={
        "diffkeras": ["py.typed", "workflows/templates/*"],
        "diffkeras.configs": ["*.yaml", "studies/*.yaml"],
        "tfds_builders.diffusion_fields": ["README.md", "CITATIONS.bib", "TAGS.txt"],
    },
)
