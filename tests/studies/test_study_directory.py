from pathlib import Path

import pytest

from diffkeras.errors import OutputError
from diffkeras.studies.study_directory import failures, write_failed


@pytest.mark.parametrize("content", [b"\xff\xfe", b"run,error\n" + b"x" * 200_000, b"a,b\n1,2\n"])
def test_a_damaged_list_of_failed_runs_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "failed.csv").write_bytes(content)
    assert failures(tmp_path, []) == {}


def test_a_list_of_failed_runs_that_cant_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "failed.csv").mkdir()
    with pytest.raises(OutputError, match=r"failed\.csv can't be written"):
        write_failed(tmp_path, [])
