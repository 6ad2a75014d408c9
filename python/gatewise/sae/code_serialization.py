"""Sparse codes as few bytes.

All numbers are little-endian. A header, then streams of `byte_streams.pack`, then the CRC-32 of
all before:

==========================  ==================================================================
header, 46 bytes            magic (8), version (2), bits of a value (2), n, m, nonzeros (8 each),
                            smallest and largest value (4 each, float32), bytes of a count and of
                            a gap (1 each)
empty rows                  `ceil(n / 8)` bytes: a bit for each row, set where it has no nonzero
counts                      m numbers: nonzeros of each latent
gaps                        latent by latent, rows between an nonzero and the one before
values                      in the same order
==========================  ==================================================================

Entries are ordered by latent: how often a latent is active hardly changes within it, so its gaps
compress better than those of a row. One step serves all values: for an equal error it takes fewer
bytes than a step for each latent, which makes rare, weak latents more precise than they need be.
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
"""Rows and nonzeros that are counted without overflow."""


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
    """Codes as bytes, from which `from_bytes` makes them again.

    Parameters
    ----------
    codes : SciPy sparse matrix or array (n, m)
        Entries above 0. float64 is rounded to float32.
    bits : int
        Of a value: with 8 or 16, it is the middle of one of `2^bits` equal steps from the smallest
        value to the largest, so it is off by half a step at most, and stays above 0; with 32, it
        is exact.

    Raises
    ------
    TypeError
        codes or bits is of another type.
    ValueError
        bits is another number; an nonzero is not above 0, or not finite as float32; indices are out
        of range.
    """
    if check_integer("bits", bits, 1) not in _BITS:
        raise ValueError(f"bits: expected 8, 16 or 32, got {bits}")
    matrix: Any = csr.to_canonical(to_codes(codes, "codes"), "codes")
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
    """The codes that `to_bytes` wrote, as `csr_array` (n, m) of float32, latents in order.

    Raises
    ------
    TypeError
        data is no bytes.
    ValueError
        It was not written by `to_bytes`, is cut short, or altered.
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
        raise ValueError("data: its checksum differs, it is cut short or altered")
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
    """Rows between an nonzero and the one before in its latent, or the first row."""
    gaps = rows.copy()
    gaps[1:] -= rows[:-1] + 1
    first = _first_nonzeros(indptr)
    gaps[first] = rows[first]
    return gaps


def _to_rows(gaps: Array, indptr: Array, rows: int) -> Array:
    """What `_to_gaps` came from; ValueError where a row is out of range."""
    # The sum over all latents may wrap round; its differences within a latent do not, since each
    # gap and the row before it are below `rows`, at most 2^62.
    steps = gaps.astype(np.uint64) + np.uint64(1)
    sums = np.cumsum(steps, dtype=np.uint64)
    first = _first_nonzeros(indptr)
    before = np.repeat(sums[first] - steps[first], np.diff(indptr)[np.diff(indptr) > 0])
    found: Array = sums - before - np.uint64(1)
    if len(gaps) and max(int(gaps.max()), int(found.max())) >= rows:
        raise ValueError(f"data: expected rows below {rows}, got others")
    return found.astype(np.int64)


def _first_nonzeros(indptr: Array) -> Array:
    first: Array = indptr[:-1][np.diff(indptr) > 0]
    return first


def _to_indptr(counts: Array, nonzeros: int) -> Array:
    indptr = np.zeros(len(counts) + 1, np.int64)
    is_valid = len(counts) == 0 or int(counts.max()) <= nonzeros
    if is_valid:
        np.cumsum(counts, out=indptr[1:], dtype=np.int64)
    # Each count is at most 2^62, so a sum that wraps round falls at that place.
    if not is_valid or indptr[-1] != nonzeros or np.any(indptr[1:] < indptr[:-1]):
        raise ValueError(f"data: expected counts of {nonzeros} nonzeros in all, got others")
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
