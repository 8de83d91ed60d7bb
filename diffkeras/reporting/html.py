"""Self-contained HTML reports, from templates."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from diffkeras.system.atomic_files import write_text
from diffkeras.system.environment import machine, versions


def write_report(
    path: Path, template: str, *, pictures: Mapping[str, bytes], **content: Any
) -> None:
    """Render a template to one HTML file that needs no other; pictures are PNG or SVG images."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("diffkeras.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    html = environment.get_template(template).render(
        pictures={name: _data_uri(picture) for name, picture in pictures.items()},
        versions=versions(),
        machine=machine(),
        **content,
    )
    write_text(path, html)


def _data_uri(picture: bytes) -> str:
    """A PNG or SVG image as the address of an image that holds it."""
    kind = "svg+xml" if picture.lstrip().startswith((b"<?xml", b"<svg")) else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
