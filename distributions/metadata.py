"""What the setup.py of each distribution shares: packages, data, requirements, description.

`diffkeras` and `diffkeras-solver` hold the same files, and differ in their names and in what they
require. `diffkeras-benchmark` holds `diffkeras_benchmark`.
"""

import re
import runpy
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from setuptools import __version__, find_packages, setup

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION: str = runpy.run_path(str(ROOT / "diffkeras" / "_version.py"))["__version__"]
CONFIGS = "diffkeras.configs"
PACKAGE_DATA = {
    "diffkeras": ["py.typed", "reporting/templates/*"],
    CONFIGS: ["*.yaml", "models/*.yaml", "studies/*.yaml"],
    "diffkeras.physics.families": ["shipped_bases/*"],
    "diffkeras.surrogates": ["shipped_models/*/*"],
    "tfds_builders.diffusion_fields": ["README.md", "CITATIONS.bib", "TAGS.txt"],
}
OLDEST_SETUPTOOLS = 77  # reads the license in pyproject.toml

_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])*)\]\(([^)\s]+)\)")
_PICTURE_WITH_CAPTION = re.compile(r"^!\[[^]]*\]\((?!https?:)[^)]*\)\n\n(?:\*[^\n]*\*\n\n)?", re.M)
_COMMENT = re.compile(r"^<!--.*?-->\n\n?", re.M | re.S)


def check_setuptools() -> None:
    """End the program where setuptools can't build the distributions."""
    if int(__version__.partition(".")[0]) < OLDEST_SETUPTOOLS:
        sys.exit(
            f"diffkeras needs setuptools {OLDEST_SETUPTOOLS} or newer, and this is {__version__}; "
            "run `pip install --upgrade setuptools`, or `pip install .`, which uses its own"
        )


def packages(start: str) -> dict[str, Any]:
    """The arguments of `setup` that name packages and their data.

    Args:
        start: the folder of the repository, relative to the one in which setup.py runs.
    """
    found = find_packages(str(ROOT), include=["diffkeras", "diffkeras.*", "tfds_builders*"])
    return {
        "packages": [*found, CONFIGS],
        # configs/ stands at the top level, where people look for it, and is installed inside the
        # package, so that `--config quickstart` also works away from the checkout.
        "package_dir": {
            "diffkeras": f"{start}/diffkeras",
            "tfds_builders": f"{start}/tfds_builders",
            CONFIGS: f"{start}/configs",
        },
        "package_data": PACKAGE_DATA,
    }


def small(folder: Path, **settings: Any) -> None:
    """Call `setup` for a distribution below `distributions/`.

    Args:
        folder: of its pyproject.toml, whose `tool.diffkeras` names requirements and extras.
        **settings: more arguments of `setup`.
    """
    check_setuptools()
    project = PROJECT["project"]
    own = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")  # must lie beside pyproject.toml
    chosen = own["tool"]["diffkeras"]
    extras = {name: requirements(names) for name, names in chosen.items() if name != "requires"}
    setup(
        version=VERSION,
        classifiers=project["classifiers"],
        project_urls=project.get("urls", {}),
        install_requires=requirements(chosen["requires"]),
        extras_require=extras,
        **settings,
    )


def requirements(names: list[str]) -> list[str]:
    """The requirements of diffkeras that have these names, with their versions.

    Raises:
        KeyError: a name that diffkeras doesn't require.
    """
    lines = PROJECT["project"]["dependencies"]
    by_name = {re.split(r"[^\w.-]", line)[0]: line for line in lines}
    return [by_name[name] for name in names]


def description(repository: str | None) -> str:
    """README.md as an index of packages shows it, which has none of the files that it links.

    Args:
        repository: the address of the repository, to which links to files become links, at the tag
            of this version; None if it has none, and then such links become their words, and
            pictures with their captions are left out.
    """
    text = _COMMENT.sub("", (ROOT / "README.md").read_text(encoding="utf-8"))
    if repository is None:
        text = _PICTURE_WITH_CAPTION.sub("", text)

    def elsewhere(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        if target.startswith(("https://", "http://")):
            return link[0]
        if repository is None:
            return words
        if target.startswith("#"):  # an index gives headings no names
            target = f"README.md{target}"
        view = "raw" if mark else "blob"
        return f"{mark}[{words}]({repository.rstrip('/')}/{view}/v{VERSION}/{target})"

    return _LINK.sub(elsewhere, text)
