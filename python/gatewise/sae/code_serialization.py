"""Compact binary format of sparse codes.

A header, then streams of `byte_planes.pack`, then the CRC-32 of all preceding bytes. All numbers
are little-endian:

==========================  ==================================================================
header, 46 bytes            magic (8), version (2), bits of a value (2), n, m, nonzeros (8 each),
                            smallest and largest value (4 each, float32), bytes per count and per
                            gap (1 each)
empty rows                  `ceil(n / 8)` bytes: one bit per row, set if it has no nonzeros
counts                      m integers: nonzeros of each latent
gaps                        latent by latent, rows between a nonzero and the previous one
values                      in the same order
==========================  ==================================================================

Nonzeros are ordered by latent. The density of a latent hardly varies over rows, so its gaps
compress better than those of a row. All values have the same quantization step: at equal error
this takes fewer bytes than a step per latent, which stores rare, weak latents more precisely than
needed.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from gatewise.data import csr
from gatewise.data.convert import Array, Floats, to_float32
from gatewise.sae.byte_planes import Reader, pack, to_smallest_uint
from gatewise.sae.csr_codes import to_codes
from gatewise.utils.checks import check_integer

_MAGIC = b"\x89GWCODE\n"
_VERSION = 1
_HEADER = struct.Struct("<8sHHQQQffBB")
_CRC = struct.Struct("<I")
_BITS = (8, 16, 32)
_INTEGER_BYTES = (1, 2, 4, 8)
_MAX_LATENTS = 2**31 - 1
_MAX_COUNT = 2**62
"""Limit of row and nonzero counts that excludes overflow."""


class _Header(NamedTuple):
    magic: bytes
    version: int
    bits: int
    rows: int
    latents: int
    nonzeros: int
    low: float
    high: float
    count_bytes: int
    gap_bytes: int


def to_bytes(codes: Any, bits: int = 8) -> bytes:
    """Serializes codes to bytes, which `from_bytes` reads.

    Parameters
    ----------
    codes : SciPy sparse matrix or array (n, m)
        Nonzeros must be above 0. float64 is rounded to float32.
    bits : int
        Bits per value. With 8 or 16, a value is stored as the midpoint of one of `2^bits` equal
        steps from the smallest value to the largest: the error is at most half a step, and values
        stay above 0. With 32, values are exact.

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        codes or bits has the wrong type.
    ValueError
        bits is none of 8, 16 and 32; a nonzero is not above 0 or not finite in float32; indices
        are out of range; or there are more than `2^31 - 1` latents.
    """
    if check_integer("bits", bits, 1) not in _BITS:
        raise ValueError(f"bits: expected 8, 16 or 32, got {bits}")
    matrix: Any = csr.to_canonical(to_codes(codes, "codes"))
    if matrix.shape[1] > _MAX_LATENTS:
        raise ValueError(f"codes: expected at most {_MAX_LATENTS} latents, got {matrix.shape[1]}")
    _check_positive(matrix)
    columns = matrix.tocsc()
    values = to_float32(columns.data, "codes")
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    counts = to_smallest_uint(np.diff(columns.indptr))
    gaps = to_smallest_uint(_to_gaps(columns.indices.astype(np.int64), columns.indptr))
    header = _HEADER.pack(
        *(_MAGIC, _VERSION, bits, *matrix.shape, len(values), low, high),
        *(counts.dtype.itemsize, gaps.dtype.itemsize),
    )
    empty = np.packbits(np.diff(matrix.indptr) == 0)
    body = b"".join(map(pack, (empty, counts, gaps, _to_levels(values, low, high, bits))))
    return header + body + _CRC.pack(zlib.crc32(body, zlib.crc32(header)))


def from_bytes(data: bytes | bytearray | memoryview) -> Any:
    """Reads codes that `to_bytes` wrote, as `csr_array` `(n, m)` of float32 with sorted indices.

    Raises
    ------
    TypeError
        data is not bytes.
    ValueError
        data was not written by `to_bytes`, is truncated, or altered.
    """
    from scipy.sparse import csc_array

    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data: expected bytes, got {type(data).__name__}")
    view = memoryview(data).cast("B")
    header = _read_header(view)
    reader = Reader(view[_HEADER.size : -_CRC.size])
    empty = reader.array(-(-header.rows // 8), "<u1")
    counts = reader.array(header.latents, f"<u{header.count_bytes}")
    gaps = reader.array(header.nonzeros, f"<u{header.gap_bytes}")
    levels = reader.array(header.nonzeros, "<f4" if header.bits == 32 else f"<u{header.bits // 8}")
    reader.close()
    indptr = _to_indptr(counts, header.nonzeros)
    rows = _to_rows(gaps, indptr, header.rows)
    values = _to_values(levels, header)
    matrix = csc_array((values, rows, indptr), (header.rows, header.latents)).tocsr()
    if not np.array_equal(np.packbits(np.diff(matrix.indptr) == 0), empty):
        raise ValueError("data: expected nonzeros in all rows that are not marked as empty")
    return matrix


def _check_positive(matrix: Any) -> None:
    values = to_float32(matrix.data, "codes")
    wrong = np.flatnonzero(~((values > 0) & np.isfinite(values)))
    if wrong.size:
        nonzero = int(wrong[0])
        row = int(np.searchsorted(matrix.indptr, nonzero, side="right")) - 1
        raise ValueError(
            f"codes: expected finite float32 nonzeros above 0, got {matrix.data[nonzero]} "
            f"at row {row}, column {int(matrix.indices[nonzero])}"
        )


def _read_header(view: memoryview) -> _Header:
    if len(view) < _HEADER.size + _CRC.size or bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise ValueError("data: expected codes as to_bytes writes them, got something else")
    header = _Header(*_HEADER.unpack_from(view))
    if header.version != _VERSION:
        raise ValueError(f"data: expected format version {_VERSION}, got {header.version}")
    if _CRC.unpack(view[-_CRC.size :])[0] != zlib.crc32(view[: -_CRC.size]):
        raise ValueError("data: expected a matching checksum, got truncated or altered data")
    is_valid = (
        header.bits in _BITS
        and header.count_bytes in _INTEGER_BYTES
        and header.gap_bytes in _INTEGER_BYTES
        and max(header.rows, header.nonzeros) <= _MAX_COUNT
        and header.latents <= _MAX_LATENTS
        and (header.nonzeros == 0 or 0 < header.low <= header.high < np.inf)
    )
    if not is_valid:
        raise ValueError(f"data: expected a header of codes, got {header[2:]}")
    return header


def _to_gaps(rows: Array, indptr: Array) -> Array:
    """Rows between a nonzero and the previous one of its latent; for the first, its row."""
    gaps = rows.copy()
    gaps[1:] -= rows[:-1] + 1
    first = _first_nonzeros(indptr)
    gaps[first] = rows[first]
    return gaps


def _to_rows(gaps: Array, indptr: Array, rows: int) -> Array:
    """Inverse of `_to_gaps`; ValueError if a row is out of range."""
    # The sum over all latents may overflow. Differences within a latent do not, since each gap and
    # the row before it are below `rows`, at most 2^62.
    steps = gaps.astype(np.uint64) + np.uint64(1)
    sums = np.cumsum(steps, dtype=np.uint64)
    first = _first_nonzeros(indptr)
    before = np.repeat(sums[first] - steps[first], np.diff(indptr)[np.diff(indptr) > 0])
    found: Array = sums - before - np.uint64(1)
    if len(gaps) and max(int(gaps.max()), int(found.max())) >= rows:
        raise ValueError(f"data: expected rows below {rows}, got larger ones")
    return found.astype(np.int64)


def _first_nonzeros(indptr: Array) -> Array:
    first: Array = indptr[:-1][np.diff(indptr) > 0]
    return first


def _to_indptr(counts: Array, nonzeros: int) -> Array:
    indptr = np.zeros(len(counts) + 1, np.int64)
    is_valid = len(counts) == 0 or int(counts.max()) <= nonzeros
    if is_valid:
        np.cumsum(counts, out=indptr[1:], dtype=np.int64)
    # Each count is at most 2^62, so a sum that overflows is smaller than the one before it.
    if not is_valid or indptr[-1] != nonzeros or np.any(indptr[1:] < indptr[:-1]):
        raise ValueError(f"data: expected counts with sum {nonzeros}, got another sum")
    return indptr


def _to_levels(values: Floats, low: float, high: float, bits: int) -> Array:
    if bits == 32:
        return values
    step = (high - low) / 2**bits
    levels = (values.astype(np.float64) - low) / (step if step > 0 else 1.0)
    lowered: Array = np.minimum(levels, 2**bits - 1)
    return lowered.astype(f"<u{bits // 8}")


def _to_values(levels: Array, header: _Header) -> Floats:
    if header.bits == 32:
        values = levels.astype(np.float32)
        if len(values) and not (values.min() == header.low and values.max() == header.high):
            raise ValueError(f"data: expected values from {header.low} to {header.high}")
        return values
    step = (header.high - header.low) / 2**header.bits
    midpoints: Array = header.low + (levels + 0.5) * step
    return midpoints.astype(np.float32)
