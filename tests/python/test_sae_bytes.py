"""Sparse codes as bytes: accuracy, size and errors."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gatewise.sae.code_serialization import from_bytes, to_bytes

HEADER = struct.Struct("<8sHHQQQffBB")
ORDER = ("magic", "version", "bits", "rows", "latents", "nonzeros")
FIELDS = {name: index for index, name in enumerate(ORDER)}

positive = st.floats(width=32, min_value=0, exclude_min=True, allow_infinity=False)


@st.composite
def sparse_codes(draw: st.DrawFn) -> csr_array:
    rows, latents = draw(st.integers(0, 8)), draw(st.integers(1, 300))
    columns = [
        sorted(draw(st.sets(st.integers(0, latents - 1), max_size=min(latents, 5))))
        for _ in range(rows)
    ]
    nnz = sum(map(len, columns))
    values = draw(st.lists(positive, min_size=nnz, max_size=nnz))
    dtype = draw(st.sampled_from([np.int32, np.int64]))
    codes = csr_array((rows, latents), dtype=np.float32)
    codes.indptr = np.cumsum([0, *map(len, columns)]).astype(dtype)
    codes.indices = np.array([latent for row in columns for latent in row], dtype)
    codes.data = np.array(values, np.float32)
    return codes


def example(rows: int = 200, latents: int = 64, k: int = 4, seed: int = 0) -> csr_array:
    rng = np.random.default_rng(seed)
    indices = np.sort([rng.choice(latents, k, replace=False) for _ in range(rows)], axis=1)
    values = rng.gamma(3, size=rows * k).astype(np.float32)
    return csr_array((values, indices.reshape(-1), np.arange(rows + 1) * k), (rows, latents))


def sealed(data: bytes, **changes: int) -> bytes:
    """`data` with changed header fields and a valid checksum, as in a deliberate attack."""
    header = list(HEADER.unpack_from(data))
    for name, value in changes.items():
        header[FIELDS[name]] = value
    body = HEADER.pack(*header) + data[HEADER.size : -4]
    return body + struct.pack("<I", zlib.crc32(body))


@settings(deadline=None)
@given(sparse_codes())
def test_indices_are_restored_exactly_and_so_are_values_with_32_bits(codes: csr_array) -> None:
    back = from_bytes(to_bytes(codes, bits=32))
    assert back.shape == codes.shape
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back.indptr, codes.indptr)
    np.testing.assert_array_equal(back.indices, codes.indices)
    assert back.data.tobytes() == codes.data.tobytes()
    assert back.has_canonical_format


@settings(deadline=None)
@given(sparse_codes(), st.sampled_from([8, 16]))
def test_values_err_by_at_most_half_a_step_and_stay_positive(codes: csr_array, bits: int) -> None:
    back = from_bytes(to_bytes(codes, bits))
    np.testing.assert_array_equal(back.indptr, codes.indptr)
    np.testing.assert_array_equal(back.indices, codes.indices)
    if codes.nnz == 0:
        return
    values = codes.data.astype(np.float64)
    step = (values.max() - values.min()) / 2**bits
    # Decoded values are rounded to float32, which adds half of the spacing of floats. For the
    # largest float32 the next float does not exist.
    exponent = np.frexp(back.data.astype(np.float64))[1]
    spacing = np.ldexp(1.0, np.maximum(exponent - 24, -149))
    allowed = step / 2 * (1 + 1e-9) + spacing / 2
    assert (np.abs(back.data - values) <= allowed).all()
    assert (back.data > 0).all()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_changed_byte_and_every_truncation_is_refused(data: st.DataObject) -> None:
    whole = to_bytes(example(rows=20))
    position = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(1, 255))
    altered = bytearray(whole)
    altered[position] ^= other
    for wrong in (altered, whole[:position], whole[position + 1 :], whole + bytes([other])):
        with pytest.raises(ValueError, match="data: "):
            from_bytes(wrong)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_deliberately_altered_data_decode_to_valid_codes_or_are_refused(
    data: st.DataObject,
) -> None:
    whole = to_bytes(example(rows=20), data.draw(st.sampled_from([8, 16, 32])))
    altered = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(12, len(whole) - 5))] = data.draw(st.integers(0, 255))
    try:
        back = from_bytes(sealed(bytes(altered)))
    except ValueError:
        return
    assert back.has_canonical_format
    assert (back.data > 0).all()
    assert np.isfinite(back.data).all()
    if back.nnz:
        assert back.indices.min() >= 0
        assert back.indices.max() < back.shape[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 2**61},
        {"rows": 2**63},
        {"rows": 10**10},
        {"rows": 201},
        {"rows": 192},
        {"latents": 2**30},
        {"latents": 2**40},
        {"nonzeros": 2**61},
        {"nonzeros": 10**10},
        {"nonzeros": 799},
        {"bits": 16},
        {"bits": 9},
    ],
)
def test_headers_with_wrong_sizes_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="data: expected"):
        from_bytes(sealed(to_bytes(example()), **changes))


def test_data_of_another_kind_or_version_are_refused() -> None:
    for wrong in (b"", b"PK\x03\x04" * 50, bytes(500)):
        with pytest.raises(ValueError, match="expected codes as to_bytes writes them"):
            from_bytes(wrong)
    with pytest.raises(ValueError, match="expected format version 1, got 2"):
        from_bytes(sealed(to_bytes(example()), version=2))
    with pytest.raises(TypeError, match="data: expected bytes, got str"):
        from_bytes("text")


def test_encoded_codes_are_small() -> None:
    # 4000 rows with 32 of 4096 latents: a random index needs log2(4096 e / 32) = 8.4 bits,
    # a value 8.
    codes = example(4000, 4096, 32)
    nnz = codes.nnz
    assert len(to_bytes(codes)) < 2.1 * nnz
    assert len(to_bytes(codes, 16)) < 3.2 * nnz
    assert len(to_bytes(codes, 32)) < 5.0 * nnz
    repeated = csr_array(codes[:1][[0] * 4000])
    assert len(to_bytes(repeated)) < 0.1 * nnz


@pytest.mark.parametrize("shape", [(0, 5), (3, 5), (0, 0), (3, 0), (100_000, 5)])
def test_empty_codes_are_restored(shape: tuple[int, int]) -> None:
    back = from_bytes(to_bytes(csr_array(shape, dtype=np.float32)))
    assert (back.shape, back.nnz) == (shape, 0)


def test_to_bytes_accepts_every_form_that_decode_accepts() -> None:
    codes = example()
    whole = to_bytes(codes)
    shuffled = codes.copy()
    for start in codes.indptr[:-1]:  # reverse the nonzeros of each row
        shuffled.indices[start : start + 4] = codes.indices[start : start + 4][::-1]
        shuffled.data[start : start + 4] = codes.data[start : start + 4][::-1]
    shuffled.has_sorted_indices = False
    for form in (codes.tocsc(), codes.toarray(), codes.astype(np.float64), shuffled):
        assert to_bytes(form) == whole
    assert (from_bytes(bytearray(whole)) != from_bytes(memoryview(whole))).nnz == 0


def test_many_empty_rows_between_nonzeros_are_restored() -> None:
    codes = csr_array((70_000, 3), dtype=np.float32)
    codes = codes.tolil()
    codes[0, 1] = codes[69_999, 1] = codes[300, 0] = 1.5
    back = from_bytes(to_bytes(codes))
    assert (back != codes.tocsr()).nnz == 0


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, 1e-60, 1e60])
def test_values_other_than_positive_float32_are_refused(value: float) -> None:
    codes = example().astype(np.float64)
    codes.data[9] = value
    column = codes.indices[9]
    with pytest.raises(ValueError, match=f"above 0, got .* at row 2, column {column}$"):
        to_bytes(codes)


@pytest.mark.parametrize("bits", [1, 7, 64])
def test_unsupported_bit_widths_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"bits: expected 8, 16 or 32, got {bits}"):
        to_bytes(example(), bits)
