import subprocess
from pathlib import Path

import pytest

from diffkeras.system.environment import available_memory, source_commit


@pytest.mark.parametrize("place", ["", "job/step"])
def test_limits_of_control_groups_count(tmp_path, place):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("9:pids:/x\n0::/job/step\n")
    group = tmp_path / "sys" / "fs" / "cgroup" / place
    group.mkdir(parents=True)
    (group / "memory.max").write_text("1000000\n")
    (group / "memory.current").write_text("700000\n")
    (group / "memory.stat").write_text("anon 5\ninactive_file 200000\n")
    assert available_memory(tmp_path) == 500_000
    (group / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) > 1_000_000


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
