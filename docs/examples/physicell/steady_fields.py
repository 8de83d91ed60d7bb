"""The program that solves for PhysiCell: problems come on standard input, fields go to the output.

`steady_fields.h` starts it. A problem is one line, `planes rows columns D decay step tolerance
name`, and four arrays of float64: the values of fixed voxels, which voxels are fixed (0 or 1),
production, and the rate constant of uptake. The answer is a line `ok` and the field as float64, or
a line with the reason why there is none. Each field starts from the last one of its name. A request
in another form ends the program, because it can't be known where the next one begins.
"""

import sys
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

import diffkeras as dk

ARRAYS = 4


class Request(NamedTuple):
    """One problem."""

    lattice: tuple[int, ...]
    numbers: tuple[float, ...]  # D, decay, step, tolerance
    name: str
    arrays: NDArray


def read(requests: BinaryIO, line: bytes) -> Request:
    """The request that begins with a line; a ValueError where it has another form."""
    try:
        *words, name = line.decode().split(maxsplit=7)
        planes, rows, columns = sizes = [int(word) for word in words[:3]]
        _, _, _, _ = numbers = tuple(float(word) for word in words[3:])
        if min(sizes) < 1:
            raise ValueError
    except ValueError:
        form = "planes rows columns D decay step tolerance name"
        raise ValueError(f"{line[:80]!r} is not '{form}'") from None
    size = 8 * ARRAYS * planes * rows * columns
    try:
        bytes_read = requests.read(size)
    except (MemoryError, OverflowError):
        raise ValueError(f"there is no memory for arrays of {size} bytes") from None
    if len(bytes_read) < size:
        raise ValueError(f"the input ends after {len(bytes_read)} of {size} bytes of arrays")
    lattice = (rows, columns) if planes == 1 else (planes, rows, columns)
    arrays = np.frombuffer(bytes_read).reshape(ARRAYS, *lattice)
    return Request(lattice, numbers, name.strip(), arrays)


def solved(request: Request, last: dict[str, NDArray]) -> NDArray:
    """The field of one problem, which becomes the start of the next one."""
    _, (diffusivity, decay, step, tolerance), name, arrays = request
    values, fixed, production, uptake = arrays
    medium = dk.Medium(diffusivity, decay, step, boundary="reflecting")
    problem = dk.Problem(
        values, fixed=fixed > 0, production=production, uptake=uptake, medium=medium
    )
    last[name] = dk.solve(problem, initial=last.get(name), tolerance=tolerance).field
    return last[name]


def main() -> None:
    """Answer until the input ends."""
    last: dict[str, NDArray] = {}
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    for line in iter(requests.readline, b""):
        try:
            request = read(requests, line)
        except ValueError as error:
            sys.exit(f"error: {error}")
        try:
            field = solved(request, last)
        except dk.DiffkerasError as error:
            answers.write(f"{error}\n".encode())
        else:
            answers.write(b"ok\n" + np.asarray(field, np.float64).tobytes())
        answers.flush()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody reads the answers any more
        sys.exit("error: the program that asked has closed the answers")
