"""What the built site adds to pages, which are whole as plain Markdown.

- The first page of README stands on the site's first page, in place of the text before its first
  section.
- Links between `<!-- contents -->` and `<!-- end of contents -->` are the tables of contents, each
  bold text of a list the caption of one.
- Links to programs of docs/gallery, and to their list, lead to the pages that are made of them.
- Links to Markdown outside docs lead to the file.
- Links of names such as `dk.solve` to pages of the reference lead to the place of the name there.
- Tables that are made (`docs.tables`) have the class "measured".
"""

import re
from typing import Any

from sphinx.application import Sphinx

from docs.tables import BLOCK

README = """```{include} ../README.md
:relative-docs: docs/
:relative-images:
:end-before: <!-- end of the first page
```

"""
CONTENTS = re.compile(r"^<!-- contents -->\n(.*?)^<!-- end of contents -->$", re.M | re.S)
GROUP = re.compile(r"^- \*\*(.*?):?\*\*", re.MULTILINE)
PAGE = re.compile(r"\]\(([\w/]+)\.(?:md|rst)\)")
OUTSIDE = re.compile(r"\[([^]`]+)\]\((\.\./[\w./-]+\.md)(?:#[\w-]+)?\)")
PROGRAM = re.compile(r"\]\(gallery/(\w+/\w+)\.py\)")
NAME = re.compile(r"\[`(dk|diffkeras)(\.[\w.]+)`\]\(api_\w+\.md\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Change pages when they are read."""
    app.connect("source-read", lambda app, name, source: source.append(built(name, source.pop())))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def built(name: str, page: str) -> str:
    """A page as it is built."""
    if name == "index":
        page = README + page[page.index("\n## ") + 1 :]
    page = PROGRAM.sub(r"](worked_examples/\1.rst)", page)
    page = page.replace("](gallery.md)", "](worked_examples/index.rst)")
    page = OUTSIDE.sub(r"[\1](path:\2)", page)
    page = NAME.sub(r"{py:obj}`\1\2 <diffkeras\2>`", page)
    page = CONTENTS.sub(lambda found: f"{found[1]}\n{_trees(found[1])}", page)
    return BLOCK.sub(lambda found: _measured(found[2]), page)


def _trees(links: str) -> str:
    _, *groups = GROUP.split(links) if GROUP.search(links) else ("", "", links)
    trees = []
    for caption, part in zip(groups[::2], groups[1::2], strict=True):
        options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
        trees += ["```{toctree}", *options, "", *PAGE.findall(part), "```", ""]
    return "\n".join(trees)


def _measured(table: str) -> str:
    if re.search(r"^#", table, re.MULTILINE):  # sections can't be in a container
        return table
    return f"::::{{container}} measured\n{table}::::\n"
