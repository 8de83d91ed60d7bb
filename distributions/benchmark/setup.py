"""Takes from the repository what pyproject.toml beside it doesn't say."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import metadata  # noqa: E402

metadata.small(
    HERE,
    packages=["diffkeras_benchmark"],  # `rows` needs the repository
    package_dir={"diffkeras_benchmark": "../../diffkeras_benchmark"},
    package_data={"diffkeras_benchmark": ["hashes.json", "published.csv"]},
)
