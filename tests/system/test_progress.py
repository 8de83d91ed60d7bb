"""Processes without standard error, as a shell starts them by `2>&-`."""

import subprocess
import sys

CODE = """
import sys
from diffkeras.system.packages import silent_imports
from diffkeras.system.progress import progress_bar
with open(sys.argv[1], "w") as file:
    assert file.fileno() == 2  # the descriptor is free
    with silent_imports(), progress_bar(1, "Counting", "ones") as bar:
        bar.update(1)
        print("kept", file=file, flush=True)
"""


def test_nothing_is_printed_and_no_other_file_is_written_to(tmp_path):
    words = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", CODE, tmp_path / "file"]
    assert subprocess.run(words, capture_output=True).stdout == b""
    assert (tmp_path / "file").read_text() == "kept\n"
