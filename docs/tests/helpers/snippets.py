"""The code in the pages of the documentation, and running it as a reader would who pastes it.

A comment above a block says what it needs, separated by commas:

    <!-- not run: REASON -->        it can't run in a test
    <!-- continues -->              it needs the block of its language before it; the text says so
    <!-- needs a run -->            saved_models/quickstart and its data
    <!-- needs an export -->        exported, the SavedModel of a solver in place of `default`
    <!-- needs a dataset -->        made by the command before it
    <!-- needs CompuCell3D -->      or its stand-in
    <!-- files: cells.npy … -->     files of the reader
"""

import contextlib
import io
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "saved_models" / "README.md", *sorted(DOCS.glob("*.md"))]
RUNNABLE = ("python", "sh", "console")

BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]+) -->\n)?"
    r"^(?P<indent> *)```(?P<language>python|sh|console)\n(?P<code>.*?)^ *```$"
    r"(?:\n\n```text\n(?P<printed>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
LARGEST_FILE = 500_000_000  # bytes
LARGEST_FOLDER = 1_000_000_000  # bytes, of all that a snippet writes
LONGEST = 600  # seconds


@dataclass(frozen=True)
class Snippet:
    page: Path
    number: int  # among the blocks of its language
    language: str
    code: str
    printed: str | None
    mark: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}-{self.language}-{self.number}"

    @property
    def reason(self) -> str | None:
        """Why it isn't run; None if it is."""
        found = re.fullmatch(r"not run(?:: (.*))?", self.mark)
        return None if not found else found[1] or ""

    @property
    def marks(self) -> list[str]:
        return [part.strip() for part in self.mark.split(",")] if self.reason is None else []

    @property
    def continues(self) -> bool:
        return "continues" in self.marks

    @property
    def files(self) -> list[str]:
        """Files of the reader that it names."""
        return [name for mark in self.marks if "files: " in mark for name in mark.split()[1:]]


def snippets(page: Path, *languages: str) -> Iterator[Snippet]:
    """The blocks of some languages in a page."""
    numbers = dict.fromkeys(RUNNABLE, 0)
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        language, number = block["language"], numbers[block["language"]]
        numbers[language] += 1
        if language in languages:
            code = re.sub(rf"^{block['indent']}", "", block["code"], flags=re.MULTILINE)
            yield Snippet(page, number, language, code, block["printed"], block["mark"] or "")


def execute(snippet: Snippet, names: dict[str, Any]) -> None:
    """Run Python in this process, with these global names; what it prints must be as it says."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(snippet.code, str(snippet), "exec"), names)
    if snippet.printed:
        assert out.getvalue() == snippet.printed


def run_limited(command: list[str], folder: Path) -> str:
    """What a command prints that must end well, in a folder, within limits of time and space.

    Its home is in the folder, too, where programs may write what they weren't asked for.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))

    home = folder / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(home)}
    printed, end = folder / "printed.txt", time.monotonic() + LONGEST
    with printed.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, preexec_fn=limit
        )
        try:
            while process.poll() is None:
                assert time.monotonic() < end, f"takes more than {LONGEST} s"
                written = bytes_in(folder)
                assert written < LARGEST_FOLDER, f"writes {written / 1e9:.1f} GB"
                time.sleep(0.2)
        finally:
            process.kill()
            process.wait()
    text = printed.read_text(encoding="utf-8")
    assert process.returncode == 0, text[-3000:]
    return text


def bytes_in(folder: Path) -> int:
    """The size of a folder's files, without what links lead to."""
    total = 0
    for directory, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
                total += os.lstat(os.path.join(directory, name)).st_size
    return total
