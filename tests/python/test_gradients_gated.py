"""Gated experts: native gradients, also straight-through, agree with references in double."""

import numpy as np
import pytest

from gradient_check import (
    LOSS_WEIGHT,
    Graph,
    Node,
    all_samples,
    check_gradients,
    dense,
    sparse_rows,
)
from gradient_reference import ACTIVATIONS, sigmoid

pytestmark = pytest.mark.kernels


def gated(**changed) -> Node:
    options = {
        "units": 5,
        "width": 3,
        "groups": "0,1,1,0,2",
        "activation": "tanh",
        "combine": "concat",
        "threshold": 0.5,
        "gate": "hard",
        "temperature": 0.2,
        "open_share": 0.3,
        "open_weight": 0.0,
    }
    return Node("gated_experts", options | changed)


def after_dense(layer: Node, seed: int = 0) -> Graph:
    return Graph([3], [(dense(4), [0]), (layer, [1])], [2], seed=seed)


@pytest.mark.parametrize("combine", ["concat", "sum"])
@pytest.mark.parametrize("gate", ["hard", "soft"])
@pytest.mark.parametrize("penalty", [0.0, 3.0])
@pytest.mark.parametrize("width", [1, 3, 17])
def test_gated_expert_gradients_agree_with_finite_differences(combine, gate, penalty, width):
    layer = gated(combine=combine, gate=gate, open_weight=penalty, width=width)
    check_gradients(after_dense(layer))


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "softmax"])
def test_gated_unit_gradients_include_their_activation(activation):
    check_gradients(after_dense(gated(activation=activation)))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8])
def test_gated_unit_gradients_agree_for_every_threshold(threshold):
    check_gradients(after_dense(gated(threshold=threshold)))


def test_a_layer_used_twice_gets_the_sum_of_both_gradients():
    layer = gated(combine="sum", width=4)
    graph_nodes = [(dense(4), [0]), (layer, [1]), (layer, [2]), (dense(2), [3])]
    check_gradients(Graph([3], graph_nodes, [4], loss_weights=[LOSS_WEIGHT / 4]))


def test_rows_of_a_sample_are_gated_separately():
    graph = after_dense(gated(open_weight=2.0))
    check_gradients(graph, graph.batch(4, inner=(3,), weighted=True))


def test_csr_rows_have_the_gradient_of_dense_rows():
    graph = Graph([6], [(gated(), [0])], [1])
    batch = graph.batch(density=0.4)
    check_gradients(graph, batch, inputs=[sparse_rows(batch.inputs[0])])


def test_the_straight_through_gradient_reaches_closed_gates():
    """`u = 1[g > tau] g a`: the gradient by z is that of `u = g a`, all others are exact."""
    layer = gated(gate="straight_through", combine="sum")
    graph = Graph([4], [(layer, [0])], [1], loss_weights=[1.0])
    batch = graph.batch()
    x, target = batch.inputs[0].astype(np.float64), batch.targets[0].astype(np.float64)
    p = layer.weights
    groups = [0, 1, 1, 0, 2]
    g = sigmoid(x @ p["gate_kernel"] + p["gate_bias"])
    h = np.einsum("nd,cdp->cnp", x, p["kernel"])
    a = np.stack([np.tanh(p["scale"][i] * h[c] + p["bias"][i]) for i, c in enumerate(groups)])
    is_open = g > 0.5
    assert is_open.any()
    assert not is_open.all()
    y = np.einsum("ni,inp->np", g * is_open, a)
    d_y = 2 * (y - target) / y.size
    d_z = np.einsum("np,inp->ni", d_y, a) * g * (1 - g)
    d_before = np.einsum("np,ni->inp", d_y, g * is_open) * (1 - a**2)
    expected = {
        "gate_kernel": x.T @ d_z,
        "gate_bias": d_z.sum(axis=0),
        "scale": np.stack([(d_before[i] * h[c]).sum(axis=0) for i, c in enumerate(groups)]),
        "bias": d_before.sum(axis=1),
    }
    data = batch.dataset()
    graph.trainer().train_step(data, all_samples(data))
    for name, gradient in expected.items():
        moved = p[name] - layer.native.get(name)
        # The difference of float32 weights near 1 before and after a step loses 1e-7.
        np.testing.assert_allclose(moved, gradient, rtol=1e-4, atol=1e-6, err_msg=name)
