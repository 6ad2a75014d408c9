"""Convolution experts: native gradients agree with finite differences in double."""

import pytest

from gatewise.experts import Conv1D, Conv2D
from gatewise.routers import All, TopK
from gradient_check import Graph, check_gradients, dense, sparse_expert, sparse_rows
from gradient_reference import ACTIVATIONS

pytestmark = pytest.mark.kernels

EXPERTS = {
    "1-D": Conv1D(3, 3, 6, "tanh"),
    "1-D, even": Conv1D(3, 2, 6, "tanh"),
    "2-D": Conv2D(3, 3, (2, 3), "tanh"),
    "2-D, wide and even": Conv2D(17, (1, 2), (3, 2), "tanh"),
    "2-D, beyond the map": Conv2D(2, 5, (2, 3), "tanh"),
    "2-D, not pooled": Conv2D(3, (3, 2), (2, 3), "tanh", "none"),
}


def after_dense(layer, width: int = 12) -> Graph:
    return Graph([3], [(dense(width), [0]), (layer, [1])], [2])


@pytest.mark.parametrize("name", EXPERTS)
def test_convolution_gradient_agrees_with_finite_differences(name):
    check_gradients(after_dense(sparse_expert(EXPERTS[name], TopK(2))))


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "softmax"])
def test_convolution_gradient_includes_its_activation(activation):
    check_gradients(after_dense(sparse_expert(Conv2D(2, 3, (2, 3), activation), All())))


def test_shared_convolution_gradients_agree_with_finite_differences():
    layer = sparse_expert(Conv2D(2, 3, (2, 3), "tanh"), TopK(1, normalize=False), shared_experts=2)
    check_gradients(after_dense(layer))


@pytest.mark.parametrize("name", EXPERTS)
@pytest.mark.parametrize("density", [0.1, 0.5])
def test_sparse_maps_have_the_gradient_of_dense_maps(name, density):
    graph = Graph([12], [(sparse_expert(EXPERTS[name], TopK(2)), [0])], [1])
    batch = graph.batch(density=density)
    check_gradients(graph, batch, inputs=[sparse_rows(batch.inputs[0])])
