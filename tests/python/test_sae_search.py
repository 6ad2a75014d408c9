"""Search in sparse codes: exactness, order, bits and errors."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise import _core

WIDTH, LATENTS, ROWS = 24, 96, 700
RNG = np.random.default_rng(0)
X = (RNG.normal(size=(ROWS, 6)) @ RNG.normal(size=(6, WIDTH)) + 3).astype(np.float32)
QUERIES = RNG.normal(size=(37, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def sae() -> gw.SparseAutoencoder:
    model = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(6), seed=0)
    model.compile(gw.optimizers.Adam(3e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gw.DeadUnitsWarning)
        model.fit(X, batch_size=64, epochs=4, verbose=0)
    return model


@pytest.fixture(scope="module")
def z(sae: gw.SparseAutoencoder) -> csr_array:
    return sae.encode(X)


@pytest.fixture(autouse=True)
def default_threads() -> Iterator[None]:
    yield
    gw.set_num_threads(None)


def check_order(indices: np.ndarray, scores: np.ndarray) -> None:
    """Checks that results are best first, and ties in order of index."""
    falls, ties = scores[:, :-1] > scores[:, 1:], scores[:, :-1] == scores[:, 1:]
    assert (falls | ties & (indices[:, :-1] < indices[:, 1:])).all()


def check_against(table: np.ndarray, indices: np.ndarray, scores: np.ndarray) -> None:
    """Checks that the results are the best of all scores (q, n) in float64, within rounding."""
    k = indices.shape[1]
    tolerance = 1e-5 * np.abs(table).max()
    best = -np.sort(-table, axis=1)[:, :k]
    np.testing.assert_allclose(scores, best, rtol=0, atol=tolerance)
    found = np.take_along_axis(table, indices, axis=1)
    np.testing.assert_allclose(scores, found, rtol=0, atol=tolerance)
    assert all(len(set(row)) == k for row in indices.tolist())


@pytest.mark.parametrize("k", [1, 10, ROWS])
def test_a_dense_query_finds_the_largest_inner_products_with_reconstructions(
    sae: gw.SparseAutoencoder, z: csr_array, k: int
) -> None:
    indices, scores = sae.search(z, QUERIES, k)
    assert indices.shape == scores.shape == (len(QUERIES), k)
    assert (indices.dtype, scores.dtype) == (np.int32, np.float32)
    check_order(indices, scores)
    made = sae.decode(z).astype(np.float64)
    check_against(QUERIES @ made.T, indices, scores)
    exact = np.einsum("qd,qkd->qk", QUERIES.astype(np.float64), made[indices])
    large = np.abs(exact) > 1
    np.testing.assert_allclose(scores[large], exact[large], rtol=1e-4)


@pytest.mark.parametrize("k", [1, 10, ROWS])
def test_a_code_finds_the_largest_inner_products_of_codes(
    sae: gw.SparseAutoencoder, z: csr_array, k: int
) -> None:
    indices, scores = sae.search(z, z[:40], k)
    check_order(indices, scores)
    table = (z[:40].astype(np.float64) @ z.T.astype(np.float64)).toarray()
    check_against(table, indices, scores)


def test_search_results_have_the_same_bits_for_any_thread_count(
    sae: gw.SparseAutoencoder,
) -> None:
    rows = sae.encode(np.tile(X, (40, 1)) * np.linspace(0.9, 1.1, 40 * ROWS)[:, None])
    for query in (QUERIES, QUERIES[:1], rows[:20]):
        found = []
        for threads in (1, 2, 4):
            gw.set_num_threads(threads)
            found.append([array.tobytes() for array in sae.search(rows, query, 25)])
        assert found[0] == found[1] == found[2]


def test_results_of_a_query_do_not_depend_on_the_other_queries(
    sae: gw.SparseAutoencoder, z: csr_array
) -> None:
    for queries in (QUERIES, z[:37]):
        indices, scores = sae.search(z, queries, 10)
        for row in (0, 15, 16, 36):
            alone = sae.search(z, queries[[row]], 10)
            np.testing.assert_array_equal(alone[0][0], indices[row])
            np.testing.assert_array_equal(alone[1][0], scores[row])


def test_the_score_of_two_codes_is_symmetric(sae: gw.SparseAutoencoder, z: csr_array) -> None:
    indices, scores = sae.search(z[:50], z[:50], 50)
    table = np.empty((50, 50), np.float32)
    np.put_along_axis(table, indices, scores, axis=1)
    np.testing.assert_array_equal(table, table.T)


def test_equal_scores_are_in_order_of_rows(sae: gw.SparseAutoencoder, z: csr_array) -> None:
    nothing = csr_array((5, LATENTS), dtype=np.float32)
    indices, scores = sae.search(nothing, z[:2], 4)
    assert indices.tolist() == [[0, 1, 2, 3]] * 2
    assert not scores.any()
    stored = csr_array(np.tile([[1, 2, 0], [-1, 0, 0], [0, 0, 0]], (100, LATENTS // 3)))
    for sign in (1, -1):
        indices, scores = sae.search(stored, sign * stored[[0]], 300)
        check_order(indices, scores)
        assert scores[0, 0] == -scores[0, -1] * (5 if sign == 1 else 0.2)


def test_a_single_query_can_be_a_vector(sae: gw.SparseAutoencoder, z: csr_array) -> None:
    for found, expected in zip(
        sae.search(z, QUERIES[0], 3), sae.search(z, QUERIES[:1], 3), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_codes_of_other_types_and_orders_have_the_same_results(
    sae: gw.SparseAutoencoder, z: csr_array
) -> None:
    int64_codes = z.copy()
    int64_codes.indices, int64_codes.indptr = z.indices.astype(np.int64), z.indptr.astype(np.int64)
    reversed_order = z.copy()
    for begin, end in zip(z.indptr[:-1], z.indptr[1:], strict=True):
        reversed_order.indices[begin:end] = z.indices[begin:end][::-1]
        reversed_order.data[begin:end] = z.data[begin:end][::-1]
    reversed_order.has_sorted_indices = False
    expected = sae.search(z, QUERIES, 5)
    for codes in (int64_codes, reversed_order, z.tocsc(), z.tocoo(), z.astype(np.float64)):
        for found, right in zip(sae.search(codes, QUERIES, 5), expected, strict=True):
            np.testing.assert_array_equal(found, right)


def test_search_refuses_wrong_arguments(sae: gw.SparseAutoencoder, z: csr_array) -> None:
    bad_values, bad_latents = z.copy(), z.copy()
    bad_values.data[3] = np.nan
    bad_latents.indices[5] = LATENTS
    infinite = QUERIES.copy()
    infinite[2, 3] = np.inf
    for codes, query, k, message in [
        (z, QUERIES, 0, "k: expected an integer >= 1, got 0"),
        (z, QUERIES, ROWS + 1, "k: expected at most the 700 rows of codes, got 701"),
        (z[:, :90], QUERIES, 3, r"codes: expected shape \(n, 96\), got a sparse matrix"),
        (z, QUERIES[:, :5], 3, r"query: expected shape \(n, 24\)"),
        (z, z[:, :90], 3, r"query: expected shape \(n, 96\)"),
        (bad_values, QUERIES, 3, "codes: expected finite numbers, got nan"),
        (z, infinite, 3, "query: .*inf"),
        (
            bad_latents,
            QUERIES,
            3,
            "codes: expected a well-formed .* 96 in indices",
        ),
        (z, bad_latents, 3, "query: expected a well-formed .* 96 in indices"),
        (
            z,
            np.float32(3e38) * np.sign(QUERIES),
            3,
            "query: expected scores in the range of float32",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            sae.search(codes, query, k)
    with pytest.raises(TypeError, match="codes: expected a SciPy sparse matrix, got ndarray"):
        sae.search(z.toarray(), QUERIES, 3)


def test_the_core_refuses_wrong_arguments(sae: gw.SparseAutoencoder) -> None:
    def rows(width: int) -> _core.SparseRows:
        offsets, nothing = np.array([0, 0, 0]), np.zeros(0, np.int32)
        return _core.SparseRows(offsets, nothing, np.zeros(0, np.float32), width)

    native = sae.dictionary.native
    for codes, query, k, message in [
        (rows(90), QUERIES, 1, "codes: expected rows of 96 latents, got 90"),
        (rows(96), QUERIES[:, :7].copy(), 1, "query: expected rows of 24 values, got 7"),
        (rows(96), rows(90), 1, "query: expected rows of 96 values, got 90"),
        (rows(96), QUERIES, 3, r"k: expected 1 <= k <= rows of codes \(2\), got 3"),
        (rows(96), QUERIES, 0, "k: expected 1 <= k"),
    ]:
        with pytest.raises(ValueError, match=message):
            _core.search(native, codes, query, k)


def test_codes_have_int32_indices_if_they_fit(z: csr_array) -> None:
    assert (z.indices.dtype, z.indptr.dtype) == (np.int32, np.int32)
