"""The Python in the documentation runs, and prints what the documentation says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BLOCK = re.compile(
    r"^(?P<skip><!-- needs a run -->\n)?```python\n(?P<code>.*?)^```$"
    r"(?:\n\n```text\n(?P<printed>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize("page", ["physics.md", "bounds.md"])
def test_snippets_run_in_order(page: str) -> None:
    names: dict[str, object] = {}
    blocks = list(BLOCK.finditer((ROOT / "docs" / page).read_text(encoding="utf-8")))
    assert blocks
    for block in blocks:
        if block["skip"]:
            continue
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block["code"], page, "exec"), names)
        if block["printed"]:
            assert out.getvalue() == block["printed"]


def test_the_image_that_the_pages_name_can_be_solved() -> None:
    from diffkeras.workflows.image_files import read_source_image

    named = ROOT / "docs" / "images" / "cells.png"
    for page in ("README.md", "docs/physics.md", "docs/bounds.md"):
        assert "docs/images/cells.png" in (ROOT / page).read_text(encoding="utf-8")
    image = read_source_image(named)
    assert image.shape == (128, 128)
    assert image.max() == 1
