"""Expert layers of every kind: native gradients agree with finite differences in double."""

import pytest

from gatewise.experts import GLU, MLP, Linear
from gatewise.routers import All, SigmoidTopK, TopK
from gradient_check import Graph, Node, check_gradients, dense, sparse_expert, sparse_rows
from gradient_reference import ACTIVATIONS

pytestmark = pytest.mark.kernels

ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
EXPERTS = [Linear("tanh"), MLP(5, "relu"), GLU(5, "silu", use_bias=True)]


def after_dense(layer: Node, width: int = 4, seed: int = 0) -> Graph:
    """The layer after a Dense layer, whose gradient shows the layer's input gradient."""
    return Graph([3], [(dense(width), [0]), (layer, [1])], [2], seed=seed)


def named(value: object) -> str | None:
    return type(value).__name__ if isinstance(value, Linear | MLP | GLU) else None


@pytest.mark.parametrize("activation", ELEMENTWISE)
@pytest.mark.parametrize("kind", ["Linear", "MLP", "GLU"])
def test_expert_gradient_includes_its_activation(kind, activation):
    made = {
        "Linear": lambda: Linear(activation),
        "MLP": lambda: MLP(3, activation),
        "GLU": lambda: GLU(3, activation, use_bias=True),
    }[kind]()
    check_gradients(after_dense(sparse_expert(made)))


@pytest.mark.parametrize("inner_bias", [True, False])
@pytest.mark.parametrize("output_bias", [True, False])
@pytest.mark.parametrize("kind", [MLP, GLU])
def test_expert_gradient_agrees_with_and_without_biases(kind, inner_bias, output_bias):
    layer = sparse_expert(kind(3, "gelu", inner_bias), use_bias=output_bias)
    check_gradients(after_dense(layer))
    assert {"bias_out" in layer.weights} == {output_bias}
    assert any(name in layer.weights for name in ("bias_in", "bias_gate")) == inner_bias


def test_linear_expert_gradient_agrees_without_a_bias():
    layer = sparse_expert(Linear(), use_bias=False)
    check_gradients(after_dense(layer))
    assert layer.weights.keys() == {"kernel", "router_kernel"}


@pytest.mark.parametrize("width", [1, 16, 17])
@pytest.mark.parametrize("expert", [Linear("gelu"), MLP(17, "tanh"), GLU(17, "gelu")], ids=named)
def test_expert_gradient_agrees_around_the_vector_width(expert, width):
    layer = sparse_expert(expert, TopK(1, normalize=False), units=width, num_experts=2)
    check_gradients(after_dense(layer, width=2))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_shared_expert_gradients_agree(expert, count):
    check_gradients(after_dense(sparse_expert(expert, shared_experts=count)))


@pytest.mark.parametrize("router", [All(shared_bias=True), TopK(4)], ids=["all", "top_k"])
@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_shared_expert_gradients_agree_if_every_expert_is_active(expert, router):
    check_gradients(after_dense(sparse_expert(expert, router, shared_experts=1)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layer_gradient_includes_its_activation(activation):
    check_gradients(after_dense(sparse_expert(MLP(3, "tanh"), activation=activation)))


@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_layer_used_twice_gets_the_sum_of_both_gradients(expert):
    layer = sparse_expert(expert, SigmoidTopK(1, normalize=False), shared_experts=1)
    graph = Graph([3], [(dense(3), [0]), (layer, [1]), (layer, [2])], [3], seed=9)
    run = check_gradients(graph, graph.batch(4))
    first, second = (set(chosen.ravel()) for chosen in run.chosen[layer])
    assert first - second and second - first, "experts rest in one use and work in the other"


@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_frozen_layer_propagates_the_gradient_and_is_unchanged(expert):
    layer = sparse_expert(expert, shared_experts=1, settings={"trainable": False})
    check_gradients(after_dense(layer))


@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_layer_accepts_samples_of_several_rows(expert):
    graph = after_dense(sparse_expert(expert))
    check_gradients(graph, graph.batch(4, inner=(2,), weighted=True))


@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_layer_reads_csr_rows_like_the_same_dense_rows(expert):
    layer = sparse_expert(expert, shared_experts=1)
    graph = Graph([9], [(layer, [0]), (dense(2), [1])], [2])
    batch = graph.batch(density=0.3)
    check_gradients(graph, batch, inputs=[sparse_rows(batch.inputs[0])])


@pytest.mark.parametrize("expert", EXPERTS, ids=named)
def test_l2_penalty_adds_twice_the_weights_of_active_experts(expert):
    layer = sparse_expert(expert, All(), shared_experts=1, settings={"l2": 3.0})
    check_gradients(after_dense(layer))
