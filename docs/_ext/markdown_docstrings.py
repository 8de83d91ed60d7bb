"""Translate docstrings, which are Markdown with Google sections, to reStructuredText for autodoc.

It also names modules and paths among the defaults of a signature in short. (Sphinx's option to show
defaults as they are in the source fails where a signature shows the parts of a medium.)

This translates the few constructs that the package's docstrings use, before napoleon reads them:
fenced code, single backticks, and signs such as |e| that have a meaning in reStructuredText.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_MODULE = re.compile(r"<module '([\w.]+)'[^>]*>")
_PATH = re.compile(r"PosixPath\(('[^']*')\)")
_FENCE = re.compile(r"^(\s*)```\s*(\w*)\s*$")


def setup(app: Sphinx) -> dict[str, Any]:
    """Translate before napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _shorten(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str, Any] | None:
    if signature is None:
        return None
    return _PATH.sub(r"\1", _MODULE.sub(r"\1", signature)), returns


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = translate(lines)


def translate(lines: list[str]) -> list[str]:
    """The docstring's lines as reStructuredText."""
    translated: list[str] = []
    in_fence = in_doctest = False
    for line in lines:
        fence = _FENCE.match(line)
        if fence:
            in_fence = not in_fence
            if in_fence:
                indent, language = fence.groups()
                translated += ["", f"{indent}.. code-block:: {language or 'text'}", ""]
            else:
                translated.append("")
            continue
        in_doctest = line.lstrip().startswith(">>>") or (in_doctest and bool(line.strip()))
        if in_fence:
            translated.append(f"    {line}")
        elif in_doctest:
            translated.append(line)
        else:
            translated.append(_prose(line))
    return translated


def _prose(line: str) -> str:
    if "``" in line:
        return line
    parts = line.split("`")
    if len(parts) % 2 == 0:  # a code span continues on the next line: leave it to the default role
        return line.replace("|", r"\|")
    outside = [part.replace("|", r"\|") for part in parts[::2]]
    inside = [f"``{part}``" for part in parts[1::2]]
    result = outside[0]
    for code, text in zip(inside, outside[1:], strict=True):
        # inline markup must be next to spaces or punctuation; an escaped space is not shown
        before = r"\ " if result and (result[-1].isalnum() or result[-1] in "^·") else ""
        after = r"\ " if text and (text[0].isalnum() or text[0] in "^·") else ""
        result += before + code + after + text
    return result
