"""The tests that compute, as on other machines: `make test-machines`.

Each row of `MACHINES` is a run with another kernel of OpenBLAS, which NumPy and SciPy bring, and
another number of its threads.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

PATHS = ("tests/physics", "tests/nn", "tests/graph")

ASKED = """
import scipy.linalg, threadpoolctl
import numpy as np
found = [x for x in threadpoolctl.threadpool_info() if x["internal_api"] == "openblas"]
kernels = sorted({x["architecture"] for x in found})
threads = sorted({x["num_threads"] for x in found})
has = [name for name, there in np._core._multiarray_umath.__cpu_features__.items() if there]
dispatched = np._core._multiarray_umath.__cpu_dispatch__
print(repr((kernels, threads, [name for name in dispatched if name in has], has)))
"""


@dataclass(frozen=True)
class Machine:
    """A kernel of OpenBLAS ("" for the processor's own), which it may show as another one.

    `needs` is a feature of the processor, by NumPy's name. With `plain`, NumPy uses no instructions
    beyond those it was built for, and TensorFlow no oneDNN.
    """

    kernel: str
    shown_as: str
    threads: int
    needs: str = ""
    plain: bool = False

    @property
    def name(self) -> str:
        words = [self.kernel or "own kernel", f"{self.threads} threads"]
        return ", ".join([*words, *(["plain NumPy"] if self.plain else [])])


MACHINES = (
    Machine("Haswell", "Haswell", 1, "AVX2"),  # Zen's, too
    Machine("SkylakeX", "SkylakeX", 4, "AVX512F"),
    Machine("Sandybridge", "Sandybridge", 4, "AVX"),
    Machine("Prescott", "Katmai", 1, "SSE3"),
    Machine("", "", 4, plain=True),
)


def libraries(environment: dict[str, str]) -> tuple[list[str], list[int], list[str], list[str]]:
    """Kernels and threads of OpenBLAS, features that NumPy uses and all, in a new process."""
    asked = subprocess.run(
        [sys.executable, "-c", ASKED], env=environment, check=True, text=True, capture_output=True
    )
    return eval(asked.stdout)


def failure(machine: Machine, dispatched: list[str], pytest_options: Sequence[str]) -> str:
    """Run the tests; what went wrong, or ""."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(machine.threads)}
    if machine.kernel:
        environment["OPENBLAS_CORETYPE"] = machine.kernel
    if machine.plain:
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(dispatched)
        environment["TF_ENABLE_ONEDNN_OPTS"] = "0"
    kernels, threads, features, _ = libraries(environment)
    if machine.kernel and kernels != [machine.shown_as]:
        return f"OpenBLAS took the kernels {kernels}"
    if max(threads) > machine.threads:
        return f"OpenBLAS took {threads} threads"
    if machine.plain and features:
        return f"NumPy still uses {features}"
    command = [sys.executable, "-m", "pytest", "-q", *pytest_options]
    return "tests failed" if subprocess.run(command, env=environment).returncode else ""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("pytest_options", nargs=-1, type=click.UNPROCESSED)
def main(pytest_options: tuple[str, ...]) -> None:
    """Run the tests that compute, as on other machines; pytest's options choose fewer tests."""
    kernels, _, dispatched, has = libraries(dict(os.environ))
    if not kernels:
        raise SystemExit("NumPy has no OpenBLAS here, so nothing is to be set")
    failed = False
    for machine in MACHINES:
        if machine.needs and machine.needs not in has:
            print(f"{machine.name}: skipped, as the processor has no {machine.needs}")
            continue
        wrong = failure(machine, dispatched, pytest_options or PATHS)
        failed |= bool(wrong)
        print(f"{machine.name}: {wrong or 'passed'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
