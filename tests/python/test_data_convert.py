"""Which inputs are accepted, and what they are converted to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gatewise import _core, losses
from gatewise.data import convert
from gatewise.data.csr import to_csr, to_sparse_rows
from gatewise.data.parts import Part, to_part, to_parts
from gatewise.data.row_reader import RowReader
from gatewise.data.sample_set import Signature, labelled_samples
from gatewise.data.targets import TargetRule

SHAPE = (None, 3)


def features(array: np.ndarray, shape: convert.Shape = SHAPE) -> np.ndarray:
    return convert.features(array, "x", shape)


def test_float32_in_c_order_passes_without_a_copy() -> None:
    x = np.ones((4, 3), np.float32)
    assert features(x) is x


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int64", "uint8", "bool"])
def test_real_numbers_become_float32(dtype: str) -> None:
    x = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    converted = features(x)
    assert converted.dtype == np.float32 and converted.flags.c_contiguous
    np.testing.assert_array_equal(converted, x.astype(np.float32))


def test_other_strides_and_byte_orders_become_contiguous() -> None:
    x = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(4, 3))
    np.testing.assert_array_equal(features(x), x)
    assert features(x).flags.c_contiguous
    swapped = x.astype(">f4")
    np.testing.assert_array_equal(features(swapped), x)


@pytest.mark.parametrize(
    "array",
    [
        np.ones((2, 3), complex),
        np.full((2, 3), "a"),
        np.full((2, 3), None),
        np.zeros((2, 3), "datetime64[s]"),
    ],
)
def test_other_dtypes_are_refused_by_name(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match=r"x: expected an array of float, int or bool .* got dtype"):
        features(array)


def test_nan_is_reported_by_row_and_column() -> None:
    x = np.ones((5, 3), np.float32)
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"x: expected finite numbers, got nan at row 3, column 2"):
        features(x)


def test_nan_inside_a_sample_of_rows_is_reported_by_position() -> None:
    x = np.ones((5, 2, 3), np.float32)
    x[4, 1, 0] = -np.inf
    with pytest.raises(ValueError, match="got -inf at row 4, position 1, column 0"):
        features(x, (None, 2, 3))


def test_values_beyond_float32_are_distinguished_from_infinity() -> None:
    x = np.ones((2, 3))
    x[1, 1] = 1e300
    with pytest.raises(ValueError, match=r"got 1e\+300 \(too large for float32\) at row 1"):
        features(x)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 4)), r"x: expected shape \(n, 3\), got \(2, 4\)"),
        (np.ones((2, 2, 3)), r"x: expected shape \(n, 3\), got \(2, 2, 3\)"),
        (np.ones(3), r"got \(3,\); one sample is x\[np.newaxis\]"),
        (np.ones((0, 3)), r"x: expected at least one sample, got shape \(0, 3\)"),
    ],
)
def test_other_shapes_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        features(array)


def test_an_array_of_one_axis_has_one_feature_per_sample() -> None:
    assert features(np.ones(4), (None, 1)).shape == (4, 1)


def test_lists_are_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"x: expected an array, got list; use np.asarray"):
        to_part([[1.0, 2.0]], "x")


def test_a_number_is_refused_as_an_array_of_samples() -> None:
    with pytest.raises(ValueError, match="x: expected an array of samples, got the number 3"):
        to_part(np.float32(3), "x")


def test_objects_with_an_array_method_are_converted() -> None:
    class Frame:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.ones((2, 3))

    assert to_part(Frame(), "x").shape == (2, 3)


def test_several_inputs_are_given_as_list_or_dict() -> None:
    a, b = np.ones((2, 3)), np.ones((2, 4))
    for given in ([a, b], (a, b), {"b": b, "a": a}):
        parts = to_parts(given, ["a", "b"], "x")
        assert [part.shape for part in parts] == [(2, 3), (2, 4)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([np.ones(2)], r"x: expected a list of 2 arrays \(a, b\), got 1"),
        (np.ones(2), r"x: expected a list of 2 arrays \(a, b\), got ndarray"),
        ({"a": np.ones(2)}, "x: expected a dict with keys a, b, got a"),
    ],
)
def test_a_wrong_input_count_is_refused(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_parts(given, ["a", "b"], "x")


def test_csr_keeps_its_values_and_accepts_int64_indices() -> None:
    dense = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], np.float64)
    matrix = sparse.csr_array(dense)
    matrix.indices = matrix.indices.astype(np.int64)
    matrix.indptr = matrix.indptr.astype(np.int64)
    assert isinstance(to_sparse_rows(to_csr(matrix, "x"), "x", SHAPE), _core.SparseRows)
    assert matrix.indices.dtype == np.int64


@pytest.mark.parametrize("kind", ["coo", "csc", "lil", "dok", "bsr", "dia"])
def test_other_sparse_forms_become_csr(kind: str) -> None:
    matrix = sparse.csr_array(np.eye(3)).asformat(kind)
    assert to_part(matrix, "x").sparse


def test_duplicate_nonzeros_are_summed_in_a_copy() -> None:
    matrix = sparse.csr_array((np.ones(3), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 3))
    to_sparse_rows(to_csr(matrix, "x"), "x", SHAPE)
    assert matrix.nnz == 3


def test_nan_in_a_sparse_matrix_is_reported_by_row_and_column() -> None:
    matrix = sparse.csr_array(np.array([[0, 2, 0], [0, 0, 0], [1, 0, np.inf]]))
    with pytest.raises(ValueError, match="x: expected finite numbers, got inf at row 2, column 2"):
        RowReader().features(to_part(matrix, "x"), SHAPE)


def test_sparse_matrices_of_wrong_width_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"x: expected shape \(n, 3\), got a sparse matrix \(2, 4\)"
    ):
        RowReader().features(to_part(sparse.csr_array(np.eye(2, 4)), "x"), SHAPE)


def test_errors_in_a_part_report_the_row_of_the_whole_array() -> None:
    x = np.ones((10, 3))
    x[8, 1] = np.nan
    with pytest.raises(ValueError, match="at row 8, column 1"):
        RowReader().features(to_part(x, "x").slice_rows(5, 10), SHAPE)


def test_row_ranges_are_read_in_the_given_order() -> None:
    raw = np.arange(10)[:, np.newaxis]
    part = Part(raw, "x", 2, 10)
    rows, row_indices = part.read([(4, 6), (0, 1)])
    assert np.asarray(rows)[:, 0].tolist() == [6, 7, 2]
    assert list(row_indices) == [6, 7, 2]


def test_sample_counts_must_agree() -> None:
    signature = Signature(["i"], [SHAPE], ["o"], [TargetRule(losses.get("mse"), (None, 1))])
    x, y = np.ones((4, 3)), np.ones(5)
    with pytest.raises(ValueError, match="y: expected 4 samples as in x, got 5"):
        labelled_samples(signature, x, y)
    with pytest.raises(ValueError, match="sample_weight: expected 4 samples as in x, got 3"):
        labelled_samples(signature, x, y[:4], np.ones(3))


def test_sample_weights_that_are_all_zero_warn() -> None:
    signature = Signature(["i"], [SHAPE], ["o"], [TargetRule(losses.get("mse"), (None, 1))])
    with pytest.warns(UserWarning, match="sample_weight: all weights are 0"):
        labelled_samples(signature, np.ones((4, 3)), np.ones(4), np.zeros(4))


@pytest.mark.parametrize("offsets", [[0, -5, 8, 12], [0, 9, 8, 12], [1, 4, 8, 12], [0, 4, 8, 11]])
def test_sparse_matrices_with_invalid_offsets_are_refused(offsets: list[int]) -> None:
    matrix = sparse.csr_matrix(np.ones((3, 4), np.float32))
    matrix.has_canonical_format = True
    matrix.indptr[:] = offsets
    with pytest.raises(ValueError, match=r"x: expected a well-formed sparse matrix, got .*indptr"):
        to_csr(matrix, "x")
    with pytest.raises(ValueError, match="indptr: expected offsets"):
        _core.SparseRows(np.array(offsets), matrix.indices, matrix.data, 4)


def test_masked_elements_are_refused_and_a_mask_without_any_is_not() -> None:
    values = np.ones((3, 2), np.float32)
    masked = np.ma.array(values, mask=[[0, 0], [0, 1], [0, 0]])
    with pytest.raises(TypeError, match=r"x: expected an array without masked elements.*filled"):
        convert.to_array(masked, "x")
    assert type(convert.to_array(np.ma.array(values), "x")) is np.ndarray
