"""Properties of routing for any rows, scores and expert count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csr_array

import gatewise as gw
from gatewise import _core
from gatewise.balance import AuxLoss, Bias
from gatewise.experts import GLU, MLP, Linear
from gatewise.routers import All, NoisyTopK, SigmoidTopK, Static, Switch, TopK
from gradient_check import Graph, all_samples, dense, sparse_expert
from gradient_reference import run_expert, sigmoid, softmax

pytestmark = pytest.mark.kernels

MAX_EXPERTS = 35  # two registers of 16 lanes and a remainder
CHOOSING = {
    "top_k": lambda k: TopK(k, normalize=False),
    "top_k, normalised": lambda k: TopK(k, normalize=True),
    "top_k over the chosen": lambda k: TopK(k, over="chosen"),
    "switch": lambda k: Switch(),
    "sigmoid_top_k": lambda k: SigmoidTopK(k, normalize=False),
    "sigmoid_top_k, normalised": lambda k: SigmoidTopK(k, normalize=True),
    "noisy_top_k": lambda k: NoisyTopK(k, normalize=True),
}
CONSTANT = {"all": All(), "static": Static("free"), "static, simplex": Static("simplex")}
# The same examples in each run, without a time limit.
examples = settings(max_examples=40, deadline=None, derandomize=True, database=None)


@st.composite
def tables(draw):
    """A table (d, E) of logits in steps of 1/4, so that many are equal; row indices (n,); k."""
    d, E = draw(st.integers(1, 6)), draw(st.integers(1, MAX_EXPERTS))
    table = draw(arrays.arrays(np.int8, (d, E), elements=st.integers(-16, 16))) / 4.0
    rows = draw(arrays.arrays(np.int8, st.integers(1, 40), elements=st.integers(0, d - 1)))
    return table, rows, draw(st.integers(1, E))


def layer_of(router, table, bias=None) -> gw.SparseExpertLayer:
    """A layer whose router returns row i of the table as logits for row i of the identity."""
    d, E = table.shape
    balance = None if bias is None else Bias()
    layer = gw.SparseExpertLayer(2, E, None, router=router, balance=balance, seed=1)
    layer.build((None, d))
    layer.parameters()  # draws the initial weights before they are set
    layer.native.set("router_kernel", table.astype(np.float32))
    if bias is not None:
        layer.native.set("balance_bias", bias)
    return layer


def one_hot(rows, d) -> np.ndarray:
    """One-hot rows, which select rows of the table without rounding."""
    return np.eye(d, dtype=np.float32)[rows]


def scores_of(name: str, logits: np.ndarray) -> np.ndarray:
    return sigmoid(logits) if name.startswith("sigmoid") else softmax(logits)


@pytest.mark.parametrize("name", CHOOSING)
@examples
@given(tables())
def test_routing_chooses_the_best_scores_in_order_and_breaks_ties_by_index(name, drawn):
    table, rows, k = drawn
    layer = layer_of(CHOOSING[name](k), table)
    indices, weights = layer.routing(one_hot(rows, len(table)))
    k = layer.k
    assert indices.shape == weights.shape == (len(rows), k)
    expected = np.argsort(-table, axis=1, kind="stable")[:, :k][rows]
    np.testing.assert_array_equal(indices, expected)


@pytest.mark.parametrize("name", CHOOSING)
@examples
@given(tables())
def test_routing_weights_agree_with_the_formula(name, drawn):
    table, rows, k = drawn
    indices, weights = layer_of(CHOOSING[name](k), table).routing(one_hot(rows, len(table)))
    scores = np.take_along_axis(scores_of(name, table[rows]), indices, axis=1)
    if "normalised" in name or "chosen" in name or "noisy" in name:
        scores /= scores.sum(axis=1, keepdims=True)
    # An exponential with error 2e-7, a sum of at most 35 terms and one or two divisions in float32.
    np.testing.assert_allclose(weights, scores, rtol=2e-6)


@pytest.mark.parametrize("name", ["top_k", "sigmoid_top_k, normalised"])
@examples
@given(tables(), st.integers(0, 2**32 - 1))
def test_balance_bias_changes_the_choice_but_not_the_weights(name, drawn, seed):
    table, rows, k = drawn
    # Scores are between 0 and 1: an integer bias dominates the ranking.
    bias = np.random.default_rng(seed).integers(0, 3, table.shape[1]).astype(np.float32)
    layer = layer_of(CHOOSING[name](k), table, bias)
    indices, weights = layer.routing(one_hot(rows, len(table)))
    assert (np.diff(bias[indices], axis=1) <= 0).all()
    threshold = np.sort(bias)[::-1][k - 1]
    assert (bias[indices] >= threshold).all()
    scores = np.take_along_axis(scores_of(name, table[rows]), indices, axis=1)
    if "normalised" in name:
        scores /= scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, scores, rtol=2e-6)  # as above


@examples
@given(
    arrays.arrays(np.float32, (5, 3), elements=st.floats(-(2**100), 2**100, width=32)),
    arrays.arrays(np.float32, (3, 7), elements=st.floats(-(2**100), 2**100, width=32)),
    st.sampled_from(list(CHOOSING)),
    st.integers(1, 7),
)
def test_routing_of_scores_that_overflow_chooses_distinct_experts(x, table, name, k):
    indices, _ = layer_of(CHOOSING[name](k), table).routing(x)
    assert ((indices >= 0) & (indices < 7)).all()
    assert all(len(set(row)) == len(row) for row in indices.tolist())


@pytest.mark.parametrize("name", CHOOSING)
@examples
@given(tables())
def test_load_counts_every_row_k_times(name, drawn):
    table, rows, k = drawn
    layer = layer_of(CHOOSING[name](k), table)
    x = one_hot(rows, len(table))
    load = layer.load(x).rows
    indices = layer.routing(x)[0].ravel()
    np.testing.assert_array_equal(load, np.bincount(indices, minlength=table.shape[1]))
    assert load.sum() == len(rows) * layer.k


@pytest.mark.parametrize("name", [*CHOOSING, *CONSTANT])
@examples
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_permuted_rows_have_bitwise_permuted_results(name, n, d, E, seed):
    rng = np.random.default_rng(seed)
    router = CONSTANT.get(name) or CHOOSING[name](int(rng.integers(1, E + 1)))
    layer = gw.SparseExpertLayer(3, E, None, expert=MLP(4), router=router, seed=seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    order = rng.permutation(n)
    y, permuted = layer(x), x[order]
    indices, weights = layer.routing(x)
    np.testing.assert_array_equal(layer(permuted), y[order])
    np.testing.assert_array_equal(layer.routing(permuted)[0], indices[order])
    np.testing.assert_array_equal(layer.routing(permuted)[1], weights[order])
    np.testing.assert_array_equal(np.concatenate([layer(x[i : i + 1]) for i in range(n)]), y)


@pytest.mark.parametrize("name", [*CHOOSING, *CONSTANT])
@examples
@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_output_is_the_sum_of_experts_with_their_routing_weights(name, n, d, E, seed):
    rng = np.random.default_rng(seed)
    router = CONSTANT.get(name) or CHOOSING[name](int(rng.integers(1, E + 1)))
    expert = [Linear("tanh"), MLP(3, "relu"), GLU(17)][seed % 3]
    node = sparse_expert(expert, router, units=17, num_experts=E)
    graph = Graph([d], [(node, [0])], [1], seed=seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    offsets, indices, weights = node.native.routing(x)
    expected, magnitude = np.zeros((n, 17)), np.zeros((n, 17))
    for i in range(n):
        for assignment in range(offsets[i], offsets[i + 1]):
            y = run_expert(
                node.options, node.weights, "", indices[assignment], x[i].astype(np.float64)
            )
            expected[i] += weights[assignment] * y
            magnitude[i] += np.abs(weights[assignment] * y)
    # Float32 sums of 20 products near 1 within each expert, and over up to 20 experts, whose
    # outputs may be large and cancel: a dozen roundings by 6e-8 of what is added up.
    error = np.abs(graph.network.predict([x], 7)[0] - expected)
    assert (error <= 2e-5 + 1e-6 * magnitude).all()


@examples
@given(tables(), st.sampled_from(list(CHOOSING)))
def test_csr_rows_are_routed_like_the_same_dense_rows(drawn, name):
    table, rows, k = drawn
    layer = layer_of(CHOOSING[name](k), table)
    x = one_hot(rows, len(table))
    for dense_result, sparse_result in zip(
        layer.routing(x), layer.routing(csr_array(x)), strict=True
    ):
        np.testing.assert_array_equal(dense_result, sparse_result)


@pytest.fixture
def threads():
    before = _core.get_num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)


@pytest.mark.parametrize(
    ("expert", "name"),
    [*((MLP(64), name) for name in [*CHOOSING, *CONSTANT]), (Linear(), "switch"), (GLU(64), "all")],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_training_and_prediction_have_the_same_bits_on_1_2_and_4_threads(expert, name, threads):
    # Products of 200 rows and more than 40 x 64 weights: enough work for more than two threads.
    router = CONSTANT.get(name) or CHOOSING[name](2)
    terms = [AuxLoss(0.1), Bias(0.01)] if name in CHOOSING else []
    results = []
    for count in (1, 2, 4):
        threads(count)
        layer = sparse_expert(expert, router, terms, units=40, num_experts=8, shared_experts=1)
        graph = Graph([72], [(dense(72, "gelu"), [0]), (layer, [1])], [2], loss_weights=[1.0])
        rng = np.random.default_rng(3)
        x, y = (rng.normal(size=(200, width)).astype(np.float32) for width in (72, 40))
        data, trainer = _core.Dataset([x], [y], [None]), graph.trainer(kind="adam")
        losses = [trainer.train_step(data, all_samples(data))[0] for _ in range(2)]
        weights = [node.native.get(each) for node in graph.layers for each in node.weights]
        results.append([losses, *weights, *graph.network.predict([x], 150)])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
