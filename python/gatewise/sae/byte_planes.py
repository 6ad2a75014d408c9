"""Compressed bytes of arrays, byte plane by byte plane."""

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
"""Header of each stream: codec index and byte count."""

_TRIAL_BYTES = 1 << 22
"""Leading bytes of a stream on which the codecs are compared."""

# Fixed, not read from the data, so that data cannot control the memory that LZMA takes. Bytes of
# one plane have no multi-byte structure: no literal context, no position bits.
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
    """Nonnegative integers in the smallest unsigned type that holds them all, little-endian."""
    max_value = int(integers.max()) if integers.size else 0
    bits = next(bits for bits in (8, 16, 32, 64) if max_value < 1 << bits)
    return integers.astype(f"<u{bits // 8}")


def pack(integers: Array) -> bytes:
    """Compresses an array `(n,)` plane by plane: all lowest bytes first, then all next ones.

    Each plane is stored uncompressed or by deflate, bzip2 or LZMA, whichever is smallest; for a
    plane over 4 MB, whichever is smallest for its first 4 MB.
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
    """Reads arrays from the output of `pack`.

    Raises ValueError if the data do not have the stated sizes. Memory is limited both by the
    actual content of the streams and by the requested size.
    """

    def __init__(self, data: memoryview) -> None:
        self._rest = data

    def array(self, count: int, dtype: str) -> Array:
        """The next array `(count,)`."""
        planes = [self._plane(count) for _ in range(np.dtype(dtype).itemsize)]
        table = np.stack([np.frombuffer(plane, np.uint8) for plane in planes], axis=1)
        return table.reshape(-1).view(dtype)

    def close(self) -> None:
        """Raises ValueError if data follow the last array."""
        if len(self._rest):
            raise ValueError(f"data: expected no more bytes, got {len(self._rest)}")

    def _plane(self, count: int) -> bytes:
        if len(self._rest) < _STREAM.size:
            raise ValueError("data: expected another stream, got the end of the data")
        codec, size = _STREAM.unpack_from(self._rest)
        packed = self._rest[_STREAM.size :][:size]
        if len(packed) != size or codec >= len(_PACK):
            raise ValueError(f"data: expected {size} bytes of a known codec, got {len(packed)}")
        self._rest = self._rest[_STREAM.size + size :]
        plane = _unpack(codec, packed, count)
        if plane is None or len(plane) != count:
            raise ValueError(f"data: expected a valid stream of {count} bytes, got an invalid one")
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
