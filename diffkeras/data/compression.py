"""Fast zlib compression of images that are mostly zeros.

`zlib.compress` takes 2 ms for a source image of 512² nodes, which is a fifth of the time in which
an example of 20 sources is solved. This takes a tenth of that. Any zlib decompresses the result.
"""

import functools
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = b"\x78\x01"
EMPTY_LAST_BLOCK = b"\x03\x00"
LEVEL = 1  # Gives 4 kB instead of 2 kB per image, next to a field of 1 MB.
ADLER_MODULUS = 65_521


def compress_sparse(image: NDArray[Any]) -> bytes:
    """Compress an image, and take runs of empty rows from a table.

    Args:
        image: (rows, …), at least one row, of any type. Rows whose values are all zero are stored
            as zero bytes, also if zeros are negative.

    Returns:
        A zlib stream that `zlib.decompress` turns into `image.tobytes()`.
    """
    rows = image.reshape(len(image), -1)
    width = rows.shape[1] * rows.itemsize
    filled = np.concatenate(([False], rows.any(axis=1), [False]))
    # The first row of each run of rows with values, and the first row after it, in turn.
    edges = np.flatnonzero(filled[1:] != filled[:-1]).tolist()
    blocks, position, checksum = [HEADER], 0, 1
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        raw = rows[start:end].tobytes()
        gap = (start - position) * width
        blocks += [_compressed_zeros(gap), _compressed_block(raw)]
        checksum = zlib.adler32(raw, _adler32_after_zeros(checksum, gap))
        position = end
    gap = (len(rows) - position) * width
    checksum = _adler32_after_zeros(checksum, gap)
    blocks += [_compressed_zeros(gap), EMPTY_LAST_BLOCK, checksum.to_bytes(4, "big")]
    return b"".join(blocks)


def _adler32_after_zeros(checksum: int, length: int) -> int:
    """The Adler-32 checksum after that many more zero bytes (RFC 1950, section 8.2)."""
    total = checksum & 0xFFFF
    return ((checksum >> 16) + length * total) % ADLER_MODULUS << 16 | total


@functools.lru_cache(4096)
def _compressed_zeros(length: int) -> bytes:
    return _compressed_block(bytes(length)) if length else b""


def _compressed_block(raw: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush, a block ends at a byte and refers to no earlier one: blocks can be joined.
    return compressor.compress(raw) + compressor.flush(zlib.Z_FULL_FLUSH)
