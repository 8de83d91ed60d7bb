"""Write the hashes of all public splits: `python -m benchmarks.hashes`, which takes minutes.

Only for a new problem, split or lattice. A hash that changes makes results incomparable, so what is
published already must stay.
"""

import json
from pathlib import Path

from tqdm import tqdm

from diffkeras.evaluation.benchmark_data import splits
from diffkeras.evaluation.benchmark_data.problems import SHIFTS, SPLITS
from diffkeras.system.atomic_files import write_json

FILE = Path(splits.__file__).with_name("hashes.json")


def main() -> None:
    every = [
        splits.public_split(benchmark, split)
        for benchmark in splits.BENCHMARKS
        for split in (*SPLITS, *SHIFTS)
    ]
    hashes = {split.name: split.drawn_hash() for split in tqdm(every, unit="split")}
    published = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name, old in published.items():
        if hashes.get(name) != old:
            raise SystemExit(f"{name} had the hash {old}, and now {hashes.get(name)}")
    write_json(FILE, hashes)
    print(f"{len(hashes)} hashes, {len(hashes) - len(published)} of them new: {FILE}")


if __name__ == "__main__":
    main()
