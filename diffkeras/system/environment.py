"""The machine and the versions that results depend on."""

import importlib.metadata
import platform
from pathlib import Path

from diffkeras._version import __version__

PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy")


def versions() -> dict[str, str]:
    """Versions of diffkeras, Python and the packages that results depend on."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"diffkeras": __version__, "python": platform.python_version(), **packages}


def machine() -> str:
    """Processor and operating system, in words."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        if names:
            processor = f"{names[0].partition(':')[2].strip()}, {len(names)} cores"
    return f"{processor}, {platform.system()} {platform.machine()}"
