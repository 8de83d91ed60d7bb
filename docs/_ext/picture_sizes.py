"""Pictures have a width and a height before they are loaded, so that links land where they lead.

The figures of worked examples are drawn for light and dark pages, as all pictures are.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from diffkeras.reporting.style import WIDTH, on_any_background

WIDEST = WIDTH * 96  # pixels of a page; raster pictures have more of their own
SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"')
PIXELS_PER_POINT = 96 / 72
IMAGE = "\n.. image:: /{path}\n   :alt: {text}\n\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform."""
    app.add_post_transform(PictureSizes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class PictureSizes(SphinxPostTransform):
    """Give each picture its size, and load it when it is near the screen."""

    default_priority = 500
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change a page."""
        for image in self.document.findall(nodes.image):
            path = Path(self.env.srcdir, image["uri"])
            if path.is_file():
                width, height = size_of(path)
                image["width"], image["height"] = f"{width:.0f}", f"{height:.0f}"
                image["loading"] = "lazy"
                image["classes"].append("no-scaled-link")  # which would move thumbnails


def size_of(path: Path) -> tuple[float, float]:
    """Width and height of a picture on a page [pixels]."""
    if path.suffix == ".svg":
        found = SIZE.search(path.read_text(encoding="utf-8"))
        assert found, f"{path} is no drawing of matplotlib"
        width, height = (PIXELS_PER_POINT * float(points) for points in found.groups())
    else:
        with Image.open(path) as picture:
            width, height = picture.size
    shown = min(width, WIDEST)
    return shown, height * shown / width


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures of a block of a worked example."""
    from matplotlib import pyplot

    parts = []
    for number, path in zip(pyplot.get_fignums(), block_vars["image_path_iterator"], strict=False):
        figure = pyplot.figure(number)
        on_any_background(figure)
        figure.savefig(path, dpi=150)
        titles = [" ".join(axes.get_title().split()) for axes in figure.axes]
        shown = Path(path).relative_to(gallery_conf["src_dir"]).as_posix()
        parts.append(IMAGE.format(path=shown, text=", ".join(filter(None, titles))))
    pyplot.close("all")
    return "".join(parts)
