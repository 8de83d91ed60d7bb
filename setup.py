"""Metadata lives in pyproject.toml; `distributions/metadata.py` has what it can't say."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent / "distributions"))
import metadata

metadata.check_setuptools()
urls = metadata.PROJECT["project"].get("urls", {})
setup(
    long_description=metadata.description(urls.get("Repository")),
    long_description_content_type="text/markdown",
    **metadata.packages("."),
)
