"""Gradients of a stacked autoencoder's layers against finite differences."""

from typing import Any

import numpy as np
import pytest

from gatewise import _core
from gradient_check import LOSS_WEIGHT, Graph, all_samples, build, check_gradients, dense, put
from gradient_reference import Node, Run

pytestmark = pytest.mark.kernels

RELU = {"activation.kind": "relu", "activation.l1": 0.0}
RELU_L1 = {"activation.kind": "relu", "activation.l1": 3.0}
TOP_K = {"activation.kind": "top_k", "activation.k": 3}
KL = {"activation.kind": "kl", "activation.rho": 0.1, "activation.weight": 5.0}
IDENTITY = {"activation.kind": "identity"}
ACTIVATIONS = [RELU, RELU_L1, TOP_K, KL, IDENTITY]


def code(activation: dict[str, Any], threshold: float = 0.0) -> Node:
    return Node("sparse_code", {"threshold": threshold, **activation})


def stack(node: Node, width: int = 7, scale: float = 1.0) -> Graph:
    """A code between two Dense layers, with the given scale of standardization."""
    build(node, [width], np.random.default_rng(0))
    put(node, "scale", np.array([scale]))
    return Graph([4], [(dense(width), [0]), (node, [1]), (dense(4), [2])], [3])


@pytest.mark.parametrize("width", [1, 7, 16, 17])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda each: each["activation.kind"])
def test_gradients_of_codes_and_penalties_agree_with_finite_differences(activation, width) -> None:
    if activation == TOP_K:
        activation = {**TOP_K, "activation.k": min(3, width)}
    check_gradients(stack(code(activation), width))


@pytest.mark.parametrize(
    ("activation", "threshold"), [(RELU, 0.3), (RELU_L1, 0.3), (TOP_K, 0.3), (KL, 0.4)]
)
def test_values_at_or_below_a_threshold_have_no_gradient(activation, threshold) -> None:
    check_gradients(stack(code(activation, threshold)))


@pytest.mark.parametrize("activation", [RELU, KL])
def test_layers_before_an_all_zero_code_get_no_gradient(activation) -> None:
    graph = stack(code(activation, 0.999 if activation == KL else 1000.0))
    batch = graph.batch()
    data, before = batch.dataset(), graph.layers[0].native.get("kernel")
    graph.trainer().train_step(data, all_samples(data))
    np.testing.assert_array_equal(graph.layers[0].native.get("kernel"), before)


def test_a_code_read_twice_gets_the_sum_of_both_gradients() -> None:
    node = code(RELU_L1)
    build(node, [5], np.random.default_rng(0))
    put(node, "scale", np.array([1.0]))
    graph_nodes = [(dense(5), [0]), (node, [1]), (Node("add", {}), [1, 2]), (dense(2), [3])]
    check_gradients(Graph([3], graph_nodes, [4]))


def test_penalties_are_reported_in_the_scale_of_x() -> None:
    losses = []
    for scale in (1.0, 4.0):
        graph = stack(code(RELU_L1), scale=scale)
        batch = graph.batch()
        step_results = graph.trainer().train_step(batch.dataset(), all_samples(batch.dataset()))
        losses.append(step_results[0] - LOSS_WEIGHT * step_results[1])
    assert losses[0] > 0
    assert losses[1] == pytest.approx(losses[0] / 16, rel=1e-4)


def test_rows_since_active_count_the_rows_since_a_unit_was_positive() -> None:
    graph = stack(code(RELU))
    node, batch = graph.layers[1], graph.batch(samples=5)
    put(graph.layers[0], "bias", np.array([-100.0, 100, 0, 0, 0, 0, 0]))
    put(node, "rows_since_active", np.zeros(7))
    data = batch.dataset()
    trainer = graph.trainer(learning_rate=0.0)
    for _ in range(2):
        trainer.train_step(data, all_samples(data))
    idle = node.native.get("rows_since_active")
    assert idle[0] == 10
    assert idle[1] == 0


def test_a_code_has_the_same_bits_for_any_thread_count() -> None:
    kept = _core.get_num_threads()
    rows = np.random.default_rng(1).normal(size=(3000, 100)).astype(np.float32)
    try:
        found = []
        for threads in (1, 2, 4):
            _core.set_num_threads(threads)
            node = code(KL, 0.2)
            build(node, [100], np.random.default_rng(0))
            put(node, "scale", np.array([1.0]))
            graph = Graph([100], [(dense(100), [0]), (node, [1])], [2])
            data = _core.Dataset([rows], [rows], [None])
            loss = graph.trainer().train_step(data, np.arange(3000))
            found.append((loss, graph.layers[0].native.get("kernel").tobytes()))
    finally:
        _core.set_num_threads(kept)
    assert found[0] == found[1] == found[2]


def standardize(inverse: bool, center: np.ndarray, scale: float) -> Node:
    node = Node("standardize", {"inverse": inverse})
    build(node, [len(center)], np.random.default_rng(0))
    put(node, "center", center)
    put(node, "scale", np.array([scale]))
    return node


def test_gradients_between_standardize_layers_are_those_of_standardized_rows() -> None:
    center, scale = np.array([1.0, -2, 0.5]), 3.0
    first, last = standardize(False, center, scale), standardize(True, center, scale)
    middle = dense(3)
    graph = Graph([3], [(first, [0]), (middle, [1]), (last, [2])], [3])
    batch, data = graph.batch(), None
    expected = graph.differences(batch)
    before, data = dict(middle.weights), batch.dataset()
    graph.forward(batch.inputs, Run())
    graph.trainer(learning_rate=1 / 9).train_step(data, all_samples(data))
    for name, value in before.items():
        change = value - middle.native.get(name)
        gradient = expected[middle, name]
        np.testing.assert_allclose(change, gradient, rtol=1e-4, atol=1e-4 * np.abs(gradient).max())


def test_gradient_of_standardize_agrees_with_finite_differences() -> None:
    center = np.array([1.0, -2, 0.5])
    first, last = standardize(False, center, 3.0), standardize(True, center, 3.0)
    check_gradients(Graph([3], [(dense(3), [0]), (first, [1]), (last, [2]), (dense(2), [3])], [4]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({**TOP_K, "activation.k": 8}, r"k: expected 1 <= k <= latents \(7\), got 8"),
        ({"activation.kind": "gated"}, "expected one of identity, kl, relu, top_k, got gated"),
        ({**RELU, "threshold": -1.0}, "threshold: expected at least 0, got -1"),
        ({**KL, "activation.rho": 1.0}, "rho: expected a number between 0 and 1"),
        ({**IDENTITY, "threshold": 1.0}, "threshold: expected 0 with identity"),
    ],
)
def test_options_out_of_range_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        _core.Layer("sparse_code", {"threshold": 0.0, **options}).build([7])
