"""Takes from the repository what pyproject.toml beside it doesn't say."""

import shutil
import sys
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import metadata  # noqa: E402

metadata.check_setuptools()
project = metadata.PROJECT["project"]
chosen = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["diffkeras"]
shutil.copyfile(metadata.ROOT / "LICENSE", HERE / "LICENSE")  # must lie beside pyproject.toml
setup(
    version=metadata.VERSION,
    classifiers=project["classifiers"],
    project_urls=project.get("urls", {}),
    install_requires=metadata.requirements(chosen["requires"]),
    extras_require={"plot": metadata.requirements(chosen["plot"])},
    **metadata.packages("../.."),
)
