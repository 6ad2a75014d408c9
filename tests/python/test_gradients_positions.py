"""Layers over positions and shared axes: native gradients agree with finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from gatewise import layers
from gradient_check import Graph, Node, check_gradients, dense
from gradient_reference import ACTIVATIONS

pytestmark = pytest.mark.kernels


def node_of(layer: layers.Layer, *shape: int) -> Node:
    """The core's layer for samples of this shape, whose formula is in `position_reference`."""
    return Node(*layer.native_form([(None, *shape)]), stream=3)


def check_layers(*made: layers.Layer, inner: tuple[int, ...], width: int = 3, **batch) -> None:
    """Checks layers in sequence after a Dense layer, on samples of `inner` positions."""
    nodes, shape = [(dense(width, "tanh"), [0])], (None, *inner, width)
    for layer in made:
        nodes.append((node_of(layer, *shape[1:]), [len(nodes)]))
        shape = layer.compute_output_shape(shape)
    assert shape[:-1] == (None, *inner)  # the targets have the rows of the inputs
    graph = Graph([2], nodes, [len(nodes)])
    check_gradients(graph, graph.batch(samples=4, inner=(int(np.prod(inner)),)), **batch)


TRANSPOSED = {
    "1-D": layers.Conv1DTranspose(5, 3, padding="same", activation="tanh"),
    "1-D, even": layers.Conv1DTranspose(5, 2, padding="same", use_bias=False),
    "1-D, dilated": layers.Conv1DTranspose(2, 3, padding="same", dilation_rate=2),
    "1-D, wide": layers.Conv1DTranspose(17, 2, padding="same"),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolution_gradient_agrees_with_finite_differences(name):
    check_layers(TRANSPOSED[name], inner=(5,))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_transposed_convolution_gradient_includes_its_activation(activation):
    layer = layers.Conv1DTranspose(3, 3, padding="same", activation=activation)
    check_layers(layer, inner=(4,))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_and_plain_convolutions_with_strides_have_their_gradients(padding):
    up = layers.Conv2DTranspose(3, (3, 2), (2, 1), padding, activation="tanh")
    down = layers.Conv2D(2, (3, 2), (2, 1), padding)
    check_layers(up, down, inner=(3, 4))


def test_a_transposed_convolution_of_three_axes_has_its_gradient():
    check_layers(layers.Conv3DTranspose(2, (2, 1, 3), padding="same"), inner=(2, 2, 3))


def test_a_value_read_twice_gets_both_gradients_of_a_transposed_convolution():
    layer = node_of(layers.Conv1DTranspose(3, 3, padding="same"), 4, 3)
    nodes = [(dense(3, "tanh"), [0]), (layer, [1]), (Node("multiply", {}), [1, 2])]
    graph = Graph([2], nodes, [3])
    check_gradients(graph, graph.batch(samples=4, inner=(4,)))


GROUPED = {
    "groups": layers.Conv1D(6, 3, padding="same", groups=2, activation="tanh"),
    "as many groups as channels": layers.Conv1D(8, 2, padding="same", groups=4),
    "groups of 2 axes": layers.Conv2D(4, (3, 2), padding="same", groups=2, use_bias=False),
    "depthwise": layers.DepthwiseConv1D(3, padding="same", activation="gelu"),
    "depthwise, wide": layers.DepthwiseConv2D(2, padding="same", depth_multiplier=5),
    "depthwise, dilated": layers.DepthwiseConv1D(
        3, padding="same", depth_multiplier=2, dilation_rate=2, use_bias=False
    ),
    "separable": layers.SeparableConv1D(3, 3, padding="same", activation="gelu"),
    "separable, wide": layers.SeparableConv2D(
        18, (2, 3), padding="same", depth_multiplier=5, activation="softmax"
    ),
    "separable without bias": layers.SeparableConv1D(2, 2, padding="same", use_bias=False),
}


@pytest.mark.parametrize("name", GROUPED)
def test_convolutions_of_groups_have_their_gradients(name):
    check_layers(GROUPED[name], inner=(2, 3) if GROUPED[name].axes == 2 else (4,), width=4)


@pytest.mark.parametrize(
    "down",
    [
        layers.Conv1D(4, 3, 2, groups=2),
        layers.DepthwiseConv1D(3, 2, activation="tanh"),
        layers.SeparableConv1D(3, 3, 2),
    ],
)
def test_convolutions_of_groups_have_gradients_with_strides(down):
    check_layers(layers.Conv1DTranspose(4, 3, 2, activation="tanh"), down, inner=(4,))


@pytest.mark.parametrize("shared_axes", [None, 1, [2], [1, 2], [3], [1, 2, 3]])
def test_prelu_gradient_agrees_with_finite_differences(shared_axes):
    check_layers(layers.PReLU(shared_axes=shared_axes), inner=(2, 3), width=17)


@pytest.mark.parametrize("alpha", [1.0, 0.7, -0.5])
def test_elu_gradient_agrees_with_finite_differences(alpha):
    check_layers(layers.ELU(alpha), inner=(3,))


def test_unit_normalization_gradient_agrees_with_finite_differences():
    check_layers(layers.UnitNormalization(), inner=(3,), width=17)


NOISE = {
    "shared positions": layers.Dropout(0.4, (None, 1, None)),
    "shared columns": layers.Dropout(0.4, (None, None, 1)),
    "shared samples": layers.Dropout(0.4, (1, 3, 5)),
    "spatial": layers.SpatialDropout1D(0.4),
    "gaussian": layers.GaussianDropout(0.3),
    "alpha": layers.AlphaDropout(0.3),
    "alpha, shared": layers.AlphaDropout(0.3, (None, 1, None)),
}


@pytest.mark.parametrize("name", NOISE)
def test_random_factors_multiply_the_gradient(name):
    check_layers(NOISE[name], inner=(3,), width=5, steps=3)


def test_random_factors_of_maps_are_those_of_their_channels():
    check_layers(layers.SpatialDropout2D(0.4), inner=(2, 2), steps=2)
    check_layers(layers.SpatialDropout2D(0.4, "channels_first"), inner=(2, 2), steps=2)
