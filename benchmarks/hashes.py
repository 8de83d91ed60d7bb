"""Write the hashes of all public splits, which takes minutes.

    python -m benchmarks.hashes

Only for a new problem, split or lattice. A hash that changes makes results incomparable, so what is
published already must stay.
"""

from pathlib import Path

import click
from tqdm import tqdm

from benchmarks.shared.command import command
from diffkeras.system.atomic_files import read_json, write_json
from diffkeras_benchmark import splits
from diffkeras_benchmark.problems import SHIFTS, SPLITS

FILE = Path(splits.__file__).with_name("hashes.json")


@command(__doc__, FILE, "the hashes")
def main(output: Path) -> None:
    every = [
        splits.public_split(benchmark, split)
        for benchmark in splits.BENCHMARKS
        for split in (*SPLITS, *SHIFTS)
    ]
    hashes = {split.name: split.drawn_hash() for split in tqdm(every, unit="split")}
    published = read_json(output) if output.exists() else {}
    for name, old in published.items():
        if hashes.get(name) != old:
            raise click.ClickException(f"{name} had the hash {old}, and now {hashes.get(name)}")
    write_json(output, hashes)
    click.echo(f"{len(hashes)} hashes, {len(hashes) - len(published)} of them new: {output}")


if __name__ == "__main__":
    main()
