"""Metadata lives in pyproject.toml; only the mapping of the configuration folder needs code."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["diffkeras*", "tfds_builders*"]), "diffkeras.configs"],
    # configs/ stands at the top level, where people look for it, and is installed inside the
    # package, so that `--config quickstart` also works away from the checkout.
    package_dir={"diffkeras.configs": "configs"},
    package_data={
        "diffkeras": ["py.typed", "reporting/templates/*"],
        "diffkeras.configs": ["*.yaml", "studies/*.yaml"],
        "tfds_builders.diffusion_fields": ["README.md", "CITATIONS.bib", "TAGS.txt"],
    },
)
