"""The program that solves for PhysiCell: problems come on standard input, fields go to the output.

`steady_fields.h` starts it. A problem is one line, `planes rows columns D decay step tolerance
name`, and four arrays of float64: the values of fixed voxels, which voxels are fixed (0 or 1),
production, and the rate constant of uptake. The answer is a line `ok` and the field as float64, or
a line with the reason why there is none. Each field starts from the last one of its name.
"""

import sys

import numpy as np
from numpy.typing import NDArray

import diffkeras as dk

ARRAYS = 4


def solved(line: str, numbers: bytes, last: dict[str, NDArray]) -> NDArray:
    """The field of one problem, which becomes the start of the next one."""
    *words, name = line.split(maxsplit=7)
    planes, rows, columns = map(int, words[:3])
    lattice = (rows, columns) if planes == 1 else (planes, rows, columns)
    diffusivity, decay, step, tolerance = map(float, words[3:])
    values, fixed, production, uptake = np.frombuffer(numbers).reshape(ARRAYS, *lattice)
    medium = dk.Medium(diffusivity, decay, step, boundary="reflecting", dimensions=len(lattice))
    problem = dk.Problem(
        values, fixed=fixed > 0, production=production, uptake=uptake, medium=medium
    )
    last[name] = dk.solve(problem, initial=last.get(name), tolerance=tolerance).field
    return last[name]


def main() -> None:
    """Answer until the input ends."""
    last: dict[str, NDArray] = {}
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for head in iter(requests.readline, b""):
        line = head.decode()
        size = int(np.prod([int(word) for word in line.split()[:3]]))
        numbers = requests.read(8 * ARRAYS * size)
        try:
            field = solved(line, numbers, last)
        except dk.DiffkerasError as error:
            answers.write(f"{error}\n".encode())
        else:
            answers.write(b"ok\n" + np.asarray(field, np.float64).tobytes())
        answers.flush()


if __name__ == "__main__":
    main()
