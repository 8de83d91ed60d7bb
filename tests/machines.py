"""The tests that compute, as on other machines: `make test-machines`.

Each row of `MACHINES` is a run with another kernel of OpenBLAS, which NumPy and SciPy bring, and
another number of its threads; the last one with fewer instructions for NumPy and without oneDNN.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

PATHS = ["tests/physics", "tests/nn", "tests/graph"]

ASKED = """
import scipy.linalg, threadpoolctl
import numpy as np
found = [x for x in threadpoolctl.threadpool_info() if x["internal_api"] == "openblas"]
kernels = sorted({x["architecture"] for x in found})
threads = sorted({x["num_threads"] for x in found})
features = np._core._multiarray_umath.__cpu_features__
dispatched = np._core._multiarray_umath.__cpu_dispatch__
print(repr((kernels, threads, [name for name in dispatched if features.get(name)])))
"""


@dataclass(frozen=True)
class Machine:
    """A kernel of OpenBLAS ("" for the processor's own), which it may show as another one.

    `needs` is a feature of the processor, by NumPy's name. With `plain`, NumPy uses no instructions
    beyond those it was built for.
    """

    kernel: str
    shown_as: str
    threads: int
    needs: str = ""
    plain: bool = False
    others: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """In messages."""
        words = [self.kernel or "own kernel", f"{self.threads} threads"]
        return ", ".join([*words, *(["plain NumPy"] if self.plain else []), *self.others])

    def environment(self, dispatched: list[str]) -> dict[str, str]:
        """Of its processes, given the features that NumPy uses here."""
        variables = {"OPENBLAS_NUM_THREADS": str(self.threads), **self.others}
        if self.kernel:
            variables["OPENBLAS_CORETYPE"] = self.kernel
        if self.plain:
            variables["NPY_DISABLE_CPU_FEATURES"] = " ".join(dispatched)
        return os.environ | variables


MACHINES = (
    Machine("Haswell", "Haswell", 1, "AVX2"),  # Zen's, too
    Machine("SkylakeX", "SkylakeX", 4, "AVX512F"),
    Machine("Sandybridge", "Sandybridge", 4, "AVX"),
    Machine("Prescott", "Katmai", 1, "SSE3"),
    Machine("", "", 4, plain=True, others={"TF_ENABLE_ONEDNN_OPTS": "0"}),
)


def libraries(environment: dict[str, str]) -> tuple[list[str], list[int], list[str]]:
    """The kernels and threads of OpenBLAS, and the features that NumPy uses, in a new process."""
    asked = subprocess.run(
        [sys.executable, "-c", ASKED], env=environment, check=True, text=True, capture_output=True
    )
    return eval(asked.stdout)


def failure(machine: Machine, dispatched: list[str], pytest_options: list[str]) -> str:
    """Run the tests; what went wrong, or ""."""
    environment = machine.environment(dispatched)
    kernels, threads, features = libraries(environment)
    if machine.kernel and kernels != [machine.shown_as]:
        return f"OpenBLAS took the kernels {kernels}"
    if max(threads) > machine.threads:
        return f"OpenBLAS took {threads} threads"
    if machine.plain and features:
        return f"NumPy still uses {features}"
    command = [sys.executable, "-m", "pytest", "-q", *pytest_options]
    return "tests failed" if subprocess.run(command, env=environment).returncode else ""


def main() -> int:
    """Run all; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", help="the machine with this kernel")
    chosen, pytest_options = parser.parse_known_args()
    from numpy._core import _multiarray_umath

    has = _multiarray_umath.__cpu_features__
    kernels, _, dispatched = libraries(dict(os.environ))
    if not kernels:
        print("NumPy has no OpenBLAS here, so nothing is to be set")
        return 0
    failed = False
    for machine in MACHINES:
        if chosen.only is not None and machine.kernel != chosen.only:
            continue
        if machine.needs and not has.get(machine.needs):
            print(f"{machine.name}: skipped, as the processor has no {machine.needs}")
            continue
        start = time.perf_counter()
        wrong = failure(machine, dispatched, pytest_options or PATHS)
        failed |= bool(wrong)
        minutes = (time.perf_counter() - start) / 60
        print(f"{machine.name}: {wrong or 'passed'}, {minutes:.1f} min", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
