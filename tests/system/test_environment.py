from pathlib import Path

import psutil
import pytest

from diffkeras.system.environment import available_memory

NAMES = {
    "0::": ("memory.max", "memory.current", ""),
    "4:cpu,memory:": ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory"),
}


@pytest.mark.parametrize("version", NAMES)
@pytest.mark.parametrize("place", ["", "job/step"])
def test_limits_of_control_groups_count(tmp_path: Path, version: str, place: str) -> None:
    limit, used, top = NAMES[version]
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(f"9:pids:/x\n{version}/job/step\n")
    group = tmp_path / "sys" / "fs" / "cgroup" / top / place
    group.mkdir(parents=True)
    (group / limit).write_text("1000000\n")
    (group / used).write_text("700000\n")
    (group / "memory.stat").write_text("anon 5\ninactive_file 200000\n")
    assert available_memory(tmp_path) == 500_000
    (group / limit).write_text("max\n")
    assert available_memory(tmp_path) > 1_000_000


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert 0 < available_memory(tmp_path) <= psutil.virtual_memory().total
