"""Sphinx configuration. The pages are whole as plain Markdown; `_ext` says what the site adds."""

import sys
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

import docs.quiet_tensorflow  # noqa: E402, F401

from diffkeras import __version__  # noqa: E402
from docs.tables.of_code import GALLERY_FOLDERS  # noqa: E402

project = "diffkeras"
author = "The diffkeras authors"
project_copyright = "the diffkeras authors"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "api_pages",
    "markdown_docstrings",
    "mathml",
    "picture_sizes",
    "plain_pages",
    "playground",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}  # the gallery writes the latter
exclude_patterns = ["_build", "examples/**", "gallery.md", "gallery/**", "results/*", "tests/*"]
default_role = "code"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
DESCRIPTION = (
    "Exact steady-state diffusion fields, fast surrogates, and a proven error bound for both."
)
myst_html_meta = {
    "description": DESCRIPTION,
    "property=og:title": "diffkeras",
    "property=og:description": DESCRIPTION,
    "property=og:image": "_static/preview.png",
}

autosummary_generate = False  # api_pages writes the references
autodoc_member_order = "bysource"
autodoc_mock_imports = ["jax", "torch"]  # that diffkeras does not install
autodoc_typehints = "none"  # docstrings also give shapes and units
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Call", "params_style"), ("Update", "params_style")]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "worked_examples",
    "filename_pattern": "plot_",
    "subsection_order": [f"gallery/{folder}" for folder in GALLERY_FOLDERS],
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": "picture_sizes.scraper",
    "capture_repr": (),  # only what a page prints
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = f"diffkeras {release}"
html_logo = html_favicon = "_static/logo.svg"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_extra_path = ["404.html"]
html_css_files = ["diffkeras.css"]
html_js_files = ["folds.js"]
html_theme_options = {"top_of_page_buttons": []}
copybutton_exclude = ".linenos, .gp, .go"  # copy the code without prompts and output
html_copy_source = False
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Make a picture for links: the last frame of README's animation."""

    def write(app: Any, error: Exception | None) -> None:
        if error is None and app.builder.format == "html":
            with Image.open(DOCS / "images" / "playground.webp") as animation:
                animation.seek(animation.n_frames - 1)
                page = Image.new("RGBA", animation.size, "white")
                page.alpha_composite(animation.convert("RGBA"))
            page.convert("RGB").save(Path(app.outdir, "_static", "preview.png"))

    app.connect("build-finished", write)
