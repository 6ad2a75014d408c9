"""Arrays of whole integers as compressed bytes, plane by plane."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gatewise.data.convert import Array

_STREAM = struct.Struct("<BQ")
"""Before each stream: which codec, and its bytes."""

_TRIAL_BYTES = 1 << 22
"""Bytes of a stream on which the codecs are compared."""

# Fixed here and not read from the data, so that no data decide how much memory LZMA takes. Bytes
# of one plane have neither words nor alignment: no literal context, no position bits.
_LZMA: list[dict[str, Any]] = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 0, "lp": 0, "pb": 0}]


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FILTERED)
    return packer.compress(data) + packer.flush()


_PACK: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    _deflate,
    bz2.compress,
    lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=_LZMA),
)
_UNPACK: tuple[Callable[[], Any], ...] = (
    lambda: zlib.decompressobj(-15),
    bz2.BZ2Decompressor,
    lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA),
)


def to_smallest_uint(integers: Array) -> Array:
    """Non-negative integers in the smallest unsigned type that holds them all, little-endian."""
    max_value = int(integers.max()) if integers.size else 0
    bits = next(bits for bits in (8, 16, 32, 64) if max_value < 1 << bits)
    return integers.astype(f"<u{bits // 8}")


def pack(integers: Array) -> bytes:
    """The bytes of an array (n,), all lowest bytes first, then all next ones, each compressed.

    Each plane is stored as it is, or by deflate, bzip2 or LZMA, whichever is smallest; of a plane
    over 4 MB, whichever is smallest on its beginning.
    """
    stored = np.ascontiguousarray(integers, integers.dtype.newbyteorder("<"))
    table = stored.view(np.uint8).reshape(len(stored), stored.itemsize)
    return b"".join(_pack_plane(plane.tobytes()) for plane in table.T)


def _pack_plane(plane: bytes) -> bytes:
    tried = [pack_bytes(plane[:_TRIAL_BYTES]) for pack_bytes in _PACK]
    codec = min(range(len(tried)), key=lambda index: len(tried[index]))
    packed = tried[codec] if len(plane) <= _TRIAL_BYTES else _PACK[codec](plane)
    return _STREAM.pack(codec, len(packed)) + packed


class Reader:
    """Takes arrays from what `pack` made.

    Raises ValueError where the data are not of the stated sizes. Memory grows with what the
    streams hold in fact, and no further than the size that is asked for.
    """

    def __init__(self, data: memoryview) -> None:
        self._rest = data

    def array(self, count: int, dtype: str) -> Array:
        """The next array `(count,)`."""
        planes = [self._plane(count) for _ in range(np.dtype(dtype).itemsize)]
        table = np.stack([np.frombuffer(plane, np.uint8) for plane in planes], axis=1)
        return table.reshape(-1).view(dtype)

    def close(self) -> None:
        """Refuses data after the last array."""
        if len(self._rest):
            raise ValueError(f"data: expected no more bytes, got {len(self._rest)}")

    def _plane(self, count: int) -> bytes:
        if len(self._rest) < _STREAM.size:
            raise ValueError("data: expected a further stream, got the end")
        codec, size = _STREAM.unpack_from(self._rest)
        packed = self._rest[_STREAM.size :][:size]
        if len(packed) != size or codec >= len(_PACK):
            raise ValueError(f"data: expected {size} bytes of a known codec, got {len(packed)}")
        self._rest = self._rest[_STREAM.size + size :]
        plane = _unpack(codec, packed, count)
        if plane is None or len(plane) != count:
            raise ValueError(f"data: expected a stream of {count} bytes, got another")
        return plane


def _unpack(codec: int, packed: memoryview, count: int) -> bytes | None:
    if codec == 0:
        return bytes(packed)
    unpacker = _UNPACK[codec - 1]()
    try:
        plane: bytes = unpacker.decompress(packed, count + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError):
        return None
    return plane if unpacker.eof and not unpacker.unused_data else None
