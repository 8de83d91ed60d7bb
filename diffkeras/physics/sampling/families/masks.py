"""Masks as short texts, so that a configuration can hold the geometry it is about.

A text has the lattice and, compressed, a bit for each node, such as "64x64:eJxj…".
"""

import base64
import binascii
import re
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.family.parameters import checked_mask

TEXT = re.compile(r"([1-9][0-9]{0,7})x([1-9][0-9]{0,7}):([A-Za-z0-9+/=]+)")
MOST_NODES = 2**26


def text_of_mask(name: str, mask: Any) -> str:
    """The text of a mask (rows, columns), whose nodes are those that are not 0.

    Raises:
        PhysicsError: no array of two axes and finite numbers, or no node is in it.
    """
    nodes = checked_mask(name, mask)
    packed = zlib.compress(np.packbits(nodes).tobytes(), 9)
    rows, columns = nodes.shape
    return f"{rows}x{columns}:{base64.b64encode(packed).decode()}"


def is_text_of_mask(text: Any) -> bool:
    """Whether a value looks like the text of a mask, and not like the name of a file."""
    return isinstance(text, str) and TEXT.fullmatch(text) is not None


def mask_of_text(name: str, text: str) -> NDArray[np.bool_]:
    """The mask (rows, columns) of a text.

    Raises:
        PhysicsError: the text is none, or damaged.
    """
    match = TEXT.fullmatch(text)
    if match is None:
        raise PhysicsError(
            f"the region {name!r:.60} is {text!r:.60}; give an image file or a mask of the lattice"
        )
    rows, columns = int(match[1]), int(match[2])
    nodes = rows * columns
    try:
        if nodes > MOST_NODES:
            raise ValueError(f"{nodes:,} nodes are more than {MOST_NODES:,}")
        size = -(-nodes // 8)
        unpacker = zlib.decompressobj()
        packed = unpacker.decompress(base64.b64decode(match[3], validate=True), size + 1)
        if len(packed) != size or not unpacker.eof:
            raise ValueError("it has another number of nodes than it says")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise PhysicsError(f"the text of the region {name!r:.60} is damaged: {error}") from None
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=nodes)
    return bits.reshape(rows, columns).astype(bool)
