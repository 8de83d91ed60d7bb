import errno
import fcntl
import os
import subprocess
import sys

import pytest

from diffkeras.errors import InUseError, OutputError
from diffkeras.system.file_lock import UNTIL_FREE, locked, remove_stale

HOLD = """
import sys
from pathlib import Path
from diffkeras.system.file_lock import locked
with locked(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_process_is_told_which_one_is_first(tmp_path):
    lock = tmp_path / "new" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(InUseError, match=f"it is in use by process {process.pid} on "),
            locked(lock, "it"),
        ):
            pass
        process.kill()
        process.wait()
    with locked(lock, "it"):
        assert lock.read_text().startswith(f"process {os.getpid()} ")
    assert not lock.exists()


def test_only_a_lock_that_nobody_holds_is_removed(tmp_path):
    file = tmp_path / "lock"
    file.write_text("process 1, which was killed")
    remove_stale(file)
    assert not file.exists()
    with locked(file, "it"):
        remove_stale(file)
        assert file.exists()


def test_a_file_that_is_no_lock_is_kept(tmp_path):
    file = tmp_path / ".run.lock"
    file.write_text("precious")
    remove_stale(file)
    with pytest.raises(OutputError, match="is no lock of diffkeras"), locked(file, "it"):
        pass
    assert file.read_text() == "precious"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, number):
    def refuse(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    message = rf"^\S*/lock can't be locked: {os.strerror(number)}; choose a directory on a file"
    for patience in (0, UNTIL_FREE):
        with pytest.raises(OutputError, match=message), locked(tmp_path / "lock", "it", patience):
            pass
