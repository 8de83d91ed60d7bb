"""Each picture of several panels is there twice: as it is drawn, and for phones.

`docs.pictures.phone` draws both, most while the pages are built. The other ones lie in the
repository, the picture for phones as NAME_phone.png or .svg beside NAME or in docs/made. The style
sheet shows one of the two; browsers don't load the other.

A picture that is no part of a paragraph gets a frame.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from docs.pictures import phone
from docs.pictures.phone import phone_path, write_phone_picture

GALLERY = "worked_examples"  # where the pages are written
PHONE = "phone"  # class of the pictures
IMAGE = """
.. image:: /{path}
   :alt: {text}
   :class: phone
   :loading: lazy
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Before Sphinx-Gallery decides which pages to run, forget the older drawings."""
    app.connect("config-inited", lambda app, config: forget_older(Path(app.srcdir, GALLERY)))
    app.add_transform(PhonePictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def forget_older(gallery: Path) -> None:
    """Let pages that were built before figures were drawn as they are now run again.

    Sphinx-Gallery itself runs a page only if the page's own text has changed.
    """
    changed = max(Path(file).stat().st_mtime for file in (__file__, phone.__file__))
    for stamp in gallery.rglob("*.py.md5"):
        if stamp.stat().st_mtime < changed:
            stamp.unlink()


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures of a block of code as Sphinx-Gallery does, and beside them for phones."""
    from matplotlib import pyplot
    from sphinx_gallery.scrapers import matplotlib_scraper

    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    paths = block_vars["image_path_iterator"]
    first = len(paths.paths)
    parts = [matplotlib_scraper(block, block_vars, gallery_conf)]
    for figure, path in zip(figures, map(Path, paths.paths[first:]), strict=False):
        target = write_phone_picture(figure, path, {})
        shown = target.relative_to(gallery_conf["src_dir"]).as_posix()
        titles = [" ".join(axes.get_title().split()) for axes in figure.axes]
        parts.append(IMAGE.format(path=shown, text=", ".join(filter(None, titles))))
    return "".join(parts)


class PhonePictures(SphinxTransform):
    """Add the pictures for phones, and frames."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Change a page, but for what `scraper` has put into it."""
        for image in list(self.document.findall(nodes.image)):
            if PHONE not in image["classes"]:
                self._add(image)

    def _add(self, image: nodes.image) -> None:
        path = phone_path(Path(image["uri"]))
        if not self._is_file(path):
            path = Path("/made", path.name)
        parent, place = image.parent, image.parent.index(image)
        pictures = [image]
        if self._is_file(path):
            narrow = image.deepcopy()
            narrow.update_all_atts({"classes": [PHONE]})
            narrow["uri"], narrow["loading"] = str(path), "lazy"
            narrow.attributes.pop("width", None)
            image["loading"] = "lazy"
            pictures.append(narrow)
        framed = nodes.container("", *pictures, classes=["picture"])
        parent[place : place + 1] = [framed] if isinstance(parent, nodes.section) else pictures

    def _is_file(self, path: Path) -> bool:
        return Path(self.env.relfn2path(str(path))[1]).is_file()
