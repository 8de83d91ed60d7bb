"""Pictures that are no part of a paragraph get a frame, in which they scroll sideways on phones.

There, the panels of a picture can't be read if all have to fit side by side. The worked examples
have other figures for phones (phone_figures.py).
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

EXAMPLES = "worked_examples/"


def setup(app: Sphinx) -> dict[str, Any]:
    """Frame the pictures of each page that is read."""
    app.connect("doctree-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _read(app: Sphinx, doctree: nodes.document) -> None:
    if not app.env.docname.startswith(EXAMPLES):
        frame(doctree)


def frame(doctree: nodes.Element) -> None:
    """Put each picture that lies directly in a section into a container `picture`."""
    for image in list(doctree.findall(nodes.image)):
        if isinstance(image.parent, nodes.section):
            image.replace_self(nodes.container("", image.deepcopy(), classes=["picture"]))
