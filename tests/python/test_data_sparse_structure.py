"""Malformed sparse matrices are refused by every call, before SciPy converts or slices them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

import gatewise as gw
from gatewise.sae.report import report

ROWS, WIDTH = 12, 16
RNG = np.random.default_rng(0)
DENSE = RNG.random((ROWS, WIDTH)).astype(np.float32) * (RNG.random((ROWS, WIDTH)) < 0.4)
Y = np.arange(ROWS) % 3


def set_value(name: str, at: int, value: int) -> Callable[[Any], None]:
    def change(matrix: Any) -> None:
        getattr(matrix, name)[at] = value

    return change


def set_array(name: str, cut: Callable[[Any], Any]) -> Callable[[Any], None]:
    def change(matrix: Any) -> None:
        setattr(matrix, name, cut(getattr(matrix, name)))

    return change


def set_shape(rows: int, cols: int) -> Callable[[Any], None]:
    def change(matrix: Any) -> None:
        matrix._shape = (rows, cols)

    return change


def set_key(matrix: Any) -> None:
    matrix._dict[(ROWS + 5, 2)] = np.float32(1)


def longer(array: Any) -> Any:
    return np.append(array, array[-1:], axis=0)


COMPRESSED = {
    "index above": set_value("indices", 3, 1 << 20),
    "index negative": set_value("indices", 3, -1),
    "indptr above": set_value("indptr", 2, 1 << 30),
    "indptr negative": set_value("indptr", 2, -7),
    "indptr start": set_value("indptr", 0, 1),
    "indptr end": set_value("indptr", -1, 2),
    "indptr short": set_array("indptr", lambda a: a[:-2]),
    "indptr long": set_array("indptr", longer),
    "indices short": set_array("indices", lambda a: a[:-3]),
    "data short": set_array("data", lambda a: a[:-3]),
    "indices of float": set_array("indices", lambda a: a.astype(np.float64)),
    "fewer rows": set_shape(ROWS - 4, WIDTH),
    "more rows": set_shape(ROWS + 400, WIDTH),
    "-1 rows": set_shape(-1, WIDTH),
}
COORDINATES = {
    "row above": set_value("row", 3, 1 << 20),
    "column negative": set_value("col", 3, -4),
    "column above": set_value("col", 3, WIDTH),
    "row short": set_array("row", lambda a: a[:-3]),
    "data short": set_array("data", lambda a: a[:-3]),
    "fewer rows": set_shape(3, WIDTH),
}
MALFORMED = [
    *(("csr", name, change) for name, change in COMPRESSED.items()),
    *(("csc", name, change) for name, change in COMPRESSED.items() if name != "more rows"),
    *(("bsr", name, change) for name, change in COMPRESSED.items() if "rows" not in name),
    *(("coo", name, change) for name, change in COORDINATES.items()),
    ("dok", "key above", set_key),
    ("dia", "offsets short", set_array("offsets", lambda a: a[:-1])),
    ("dia", "offsets of float", set_array("offsets", lambda a: a.astype(np.float64))),
    ("dia", "offsets of uint8", set_array("offsets", lambda a: a.astype(np.uint8))),
    ("dia", "2^31 rows", set_shape(2**31, WIDTH)),
    ("lil", "data short", lambda matrix: matrix.data[2].pop()),
]


@pytest.fixture(scope="module")
def calls() -> dict[str, Callable[[Any], Any]]:
    """Every call that takes a sparse matrix."""
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    layer = gw.SparseExpertLayer(3, num_experts=2, k=1)
    layer.build((None, WIDTH))
    sae = gw.SparseAutoencoder(WIDTH, activation=gw.TopK(2))
    sae.compile("adam")
    sae.fit(DENSE, verbose=0)
    codes = sae.encode(DENSE)
    experts = gw.SparseCodeExperts(TruncatedSVD(3), 3, activation="softmax")
    experts.compile("adam", "sparse_categorical_crossentropy")
    return {
        "fit": lambda x: model.fit(x, Y, verbose=0),
        "fit with validation_split": lambda x: model.fit(x, Y, validation_split=0.3, verbose=0),
        "validation_data": lambda x: model.fit(DENSE, Y, validation_data=(x, Y), verbose=0),
        "predict": lambda x: model.predict(x, verbose=0),
        "evaluate": lambda x: model.evaluate(x, Y, verbose=0),
        "train_on_batch": lambda x: model.train_on_batch(x, Y),
        "routing": layer.routing,
        "load": layer.load,
        "decode": sae.decode,
        "search": lambda x: sae.search(x, DENSE, 2),
        "search query": lambda x: sae.search(codes, x, 2),
        "to_bytes": sae.to_bytes,
        "report": lambda x: report(x, np.eye(WIDTH)),
        "code experts": lambda x: experts.fit(x, Y, verbose=0),
        "compare": lambda x: gw.compare({"a": lambda: model}, x, Y, cv=2),
        "choose_experts": lambda x: gw.choose_experts(x, Y, [1], k=[1], cv=2),
        "selector": lambda x: gw.selection.choose_selector(x, Y, cv=2),
    }


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize(
    ("kind", "change"),
    [(kind, change) for kind, _, change in MALFORMED],
    ids=[f"{kind} {name}" for kind, name, _ in MALFORMED],
)
def test_a_malformed_matrix_is_refused_by_every_call(calls, kind, change) -> None:
    for name, call in calls.items():
        matrix = sparse.csr_matrix(DENSE).asformat(kind, copy=True)
        change(matrix)
        with pytest.raises(ValueError, match="expected a well-formed sparse matrix, got") as error:
            call(matrix)
        assert len(str(error.value)) < 200, name


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "dok", "dia", "lil"])
def test_every_format_gives_the_result_of_the_dense_rows(kind) -> None:
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(3)])
    found = model.predict(sparse.csr_array(DENSE).asformat(kind), verbose=0)
    np.testing.assert_allclose(found, model.predict(DENSE, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_stale_flag_of_canonical_format_is_not_believed() -> None:
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(3)])
    matrix = sparse.csr_array(DENSE)
    expected = model.predict(matrix, verbose=0)
    for first, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        matrix.indices[first:stop] = matrix.indices[first:stop][::-1]
        matrix.data[first:stop] = matrix.data[first:stop][::-1]
    matrix.has_canonical_format = matrix.has_sorted_indices = True
    np.testing.assert_array_equal(model.predict(matrix, verbose=0), expected)
