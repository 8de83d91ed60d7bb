import subprocess
from pathlib import Path

from diffkeras.system.environment import source_commit


def test_the_commit_is_that_of_the_checkout(monkeypatch):
    root = Path(__file__).parents[2]
    head = subprocess.run(
        ("git", "-C", root, "rev-parse", "HEAD"), capture_output=True, text=True, check=False
    ).stdout.strip()
    source_commit.cache_clear()
    assert (source_commit() or "").removesuffix("-dirty") == head
    source_commit.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    assert source_commit() is None
    source_commit.cache_clear()
