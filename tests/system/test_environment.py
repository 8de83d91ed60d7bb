import subprocess
from pathlib import Path

from diffkeras.system.environment import source_commit


def test_the_commit_is_that_of_the_checkout(monkeypatch):
    root = Path(__file__).parents[2]
    head = subprocess.getoutput(f"git -C '{root}' rev-parse HEAD 2>/dev/null")
    source_commit.cache_clear()
    assert (source_commit() or "").removesuffix("-dirty") == head
    source_commit.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    assert source_commit() is None
    source_commit.cache_clear()
