"""Formulas as MathML, which browsers display without scripts and without a network.

docutils converts LaTeX into MathML; this extension makes Sphinx use that.
"""

import itertools
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer "mathml"."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_inline, None), block_renderers=(_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_convert(node, as_block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(_convert(node, as_block=True))
    raise nodes.SkipNode


def _convert(node: nodes.Element, as_block: bool) -> str:
    tex = node.astext().strip()
    try:
        return set_operators(tex2mathml(tex, as_block=as_block))
    except MathError as error:
        logger.warning("the formula %r can't be converted: %s", tex, error, location=node)
        return f"<code>{tex}</code>"


def set_operators(mathml: str) -> str:
    """Bars of absolute values and norms as pairs of brackets, and slashes without wide gaps.

    docutils leaves the closing bars to the browser, which takes them for operators between terms.
    """
    forms = itertools.cycle(("prefix", "postfix"))
    mathml = re.sub(
        r"<mo[^>]*>([|‖])</mo>",
        lambda bar: (
            f'<mo form="{next(forms)}" stretchy="false" lspace="0" rspace="0">{bar[1]}</mo>'
        ),
        mathml,
    )
    return mathml.replace('<mo stretchy="false">/</mo>', '<mo lspace="0" rspace="0">/</mo>')
