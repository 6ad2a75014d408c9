"""Layers without experts: native gradients agree with finite differences in double."""

import numpy as np
import pytest

from gradient_check import LOSS_WEIGHT, MSE, Graph, Node, Run, check_gradients, dense, sparse_rows
from gradient_reference import ACTIVATIONS

pytestmark = pytest.mark.kernels

MERGES = ["add", "multiply", "concatenate"]


def after_dense(*nodes: Node, width: int = 4, **settings) -> Graph:
    """The nodes in sequence after a Dense layer, whose gradient shows their input gradient."""
    graph_nodes = [(node, [at]) for at, node in enumerate([dense(width), *nodes])]
    return Graph([3], graph_nodes, [len(graph_nodes)], **settings)


def activation(name: str) -> Node:
    return Node("activation", {"activation": name})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dense_gradient_includes_its_activation(name):
    check_gradients(after_dense(dense(5, name)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_multiplies_by_the_derivative_of_its_function(name):
    check_gradients(after_dense(activation(name), dense(2)))


@pytest.mark.parametrize("name", ["linear", "gelu", "softmax"])
@pytest.mark.parametrize("width", [1, 16, 17])
def test_dense_gradient_agrees_around_the_vector_width(name, width):
    check_gradients(after_dense(dense(width, name), dense(2), width=width))


def test_dense_gradient_agrees_without_a_bias():
    check_gradients(after_dense(dense(5, "tanh", use_bias=False)))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization_gradient_agrees_with_finite_differences(center, scale):
    options = {"epsilon": 1e-3, "center": center, "scale": scale}
    check_gradients(after_dense(Node("layer_normalization", options), dense(2), width=17))


@pytest.mark.parametrize("kind", MERGES)
@pytest.mark.parametrize("values", [[1, 2], [1, 2, 3], [1, 1], [1, 2, 1], [2, 0]])
def test_merge_propagates_its_gradient_to_all_inputs(kind, values):
    branches = [(dense(4), [0]), (dense(4, "tanh"), [0]), (dense(4, "sigmoid"), [0])]
    merge = [(Node(kind, {}), values), (dense(2), [4])]
    check_gradients(Graph([4], branches + merge, [5]))


def test_a_value_with_several_readers_gets_the_sum_of_their_gradients():
    graph_nodes = [(dense(4, "tanh"), [0]), (dense(4), [1]), (dense(4, "relu"), [1])]
    check_gradients(
        Graph([3], [*graph_nodes, (Node("multiply", {}), [2, 3]), (dense(2), [4])], [5])
    )


@pytest.mark.parametrize("values", [[1, 2], [1, 1]], ids=["in series", "side by side"])
def test_a_layer_used_twice_gets_the_sum_of_both_gradients(values):
    shared = dense(4, "gelu")
    graph_nodes = [(dense(4), [0]), (shared, [values[0]]), (shared, [values[1]])]
    check_gradients(Graph([3], [*graph_nodes, (Node("add", {}), [2, 3])], [4]))


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("width", [4, 17])
def test_dropout_propagates_the_gradient_of_kept_values(rate, width):
    dropout = Node("dropout", {"rate": rate}, stream=3)
    check_gradients(after_dense(dropout, dense(2), width=width), steps=3)


def test_dropout_read_twice_propagates_the_sum_of_both_gradients():
    dropout = Node("dropout", {"rate": 0.5})
    twice = Node("multiply", {})
    check_gradients(Graph([3], [(dense(4), [0]), (dropout, [1]), (twice, [2, 1])], [3]))


def test_dropout_is_the_identity_outside_training():
    graph = after_dense(Node("dropout", {"rate": 0.5}))
    batch = graph.batch()
    expected = batch.inputs[0] @ graph.layers[0].weights["kernel"]
    expected += graph.layers[0].weights["bias"]
    # Three products per value in float32.
    np.testing.assert_allclose(graph.network.predict(batch.inputs, 32)[0], expected, rtol=1e-5)


def test_several_outputs_sum_their_weighted_gradients():
    graph_nodes = [(dense(4, "tanh"), [0]), (dense(3), [1]), (dense(2, "sigmoid"), [1])]
    binary = ("binary_crossentropy", {"from_logits": False, "label_smoothing": 0.0})
    weights = [LOSS_WEIGHT, LOSS_WEIGHT / 4]
    graph = Graph([3], graph_nodes, [2, 3], [MSE, binary], weights)
    check_gradients(graph, graph.batch(weighted=True))


def test_an_output_that_feeds_a_layer_gets_the_sum_of_both_gradients():
    weights = [LOSS_WEIGHT, LOSS_WEIGHT]
    softmax = ("categorical_crossentropy", {"from_logits": False, "label_smoothing": 0.0})
    graph_nodes = [(dense(4), [0]), (dense(3, "softmax"), [1]), (dense(2), [2])]
    check_gradients(Graph([3], graph_nodes, [2, 3], [softmax, MSE], weights))


def test_gradients_agree_with_several_inputs():
    graph_nodes = [(dense(4), [0]), (dense(4, "tanh"), [1]), (Node("add", {}), [2, 3])]
    check_gradients(Graph([3, 5], graph_nodes, [4]))


def test_a_frozen_layer_propagates_the_gradient_and_is_unchanged():
    frozen = dense(4, "tanh", trainable=False)
    check_gradients(after_dense(frozen, dense(2)))


def test_the_weight_of_a_sample_applies_to_each_of_its_rows():
    graph = after_dense(dense(3, "softmax"))
    check_gradients(graph, graph.batch(4, inner=(2, 3), weighted=True))


@pytest.mark.parametrize("l2", [0.0, 3.0])
def test_dense_reads_csr_rows_like_the_same_dense_rows(l2):
    graph = Graph([9], [(dense(5, "tanh", l2=l2), [0]), (dense(2), [1])], [2])
    batch = graph.batch(density=0.3)
    check_gradients(graph, batch, inputs=[sparse_rows(batch.inputs[0])])


def test_l2_penalty_adds_twice_the_weights_once_per_step():
    shared = dense(4, "tanh", l2=3.0)
    check_gradients(Graph([4], [(shared, [0]), (shared, [1]), (dense(2, l2=2.0), [2])], [3]))


def test_l1_penalty_is_included_in_the_loss():
    graph = after_dense(dense(2, l1=0.5))
    batch = graph.batch()
    data = batch.dataset()
    loss = graph.trainer().test_step(data, np.arange(data.samples))[0]
    assert loss == pytest.approx(graph.loss(batch, Run(training=False)), rel=1e-6)
