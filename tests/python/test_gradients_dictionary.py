"""Gradients of the sparse dictionary against finite differences."""

from typing import Any

import numpy as np
import pytest

from gradient_check import LOSS_WEIGHT, Graph, check_gradients, dense, everything, put
from gradient_reference import Node, Run

pytestmark = pytest.mark.kernels


def dictionary(unit_norm: bool = False, **changed: Any) -> Node:
    options = {"latents": 21, "k": 4, "threshold": 0.0, "unit_norm": unit_norm} | changed
    return Node("sparse_dictionary", options)


def graph_of(node: Node, width: int = 6, scale: float = 1.0) -> Graph:
    graph = Graph([width], [(node, [0])], [1])
    put(node, "scale", np.array([scale]))
    return graph


@pytest.mark.parametrize("changed", [{}, {"k": 1}, {"k": 21}, {"threshold": 0.4}, {"latents": 16}])
def test_all_parameters_get_the_slope_of_the_loss(changed: dict[str, Any]) -> None:
    check_gradients(graph_of(dictionary(**changed)))


def test_slopes_reach_the_layers_before_it() -> None:
    node = dictionary()
    graph = Graph([5], [(dense(6), [0]), (node, [1])], [2])
    put(node, "scale", np.array([1.0]))
    check_gradients(graph)


def test_a_scale_makes_the_slopes_those_of_its_own_units() -> None:
    graph = graph_of(dictionary(), scale=3.0)
    batch = graph.batch()
    node = graph.layers[0]
    expected = graph.differences(batch)
    before = dict(node.weights)
    data = batch.dataset()
    graph.trainer(learning_rate=1 / 9).train_step(data, everything(data))
    for (_, name), gradient in expected.items():
        change = before[name] - node.native.get(name)
        np.testing.assert_allclose(change, gradient, rtol=1e-4, atol=1e-4 * np.abs(gradient).max())


def test_layers_before_a_scaled_one_get_the_slope_of_the_loss() -> None:
    node, first = dictionary(), dense(6)
    graph = Graph([5], [(first, [0]), (node, [1])], [2])
    put(node, "scale", np.array([3.0]))
    node.native.trainable = node.trainable = False
    check_gradients(graph)


@pytest.mark.parametrize("stored", [False, True])
def test_a_row_of_unit_length_moves_across_itself_and_keeps_its_length(stored: bool) -> None:
    graph = graph_of(dictionary(unit_norm=True))
    node = graph.layers[0]
    rows = node.weights["decoder"]
    put(node, "decoder", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    batch = graph.batch()
    w = node.weights["decoder"].copy()
    gradient = graph.differences(batch)[node, "decoder"]
    across = gradient - np.sum(gradient * w, axis=1, keepdims=True) * w
    rate = 1 / LOSS_WEIGHT
    stepped = w - rate * across
    expected = stepped / np.linalg.norm(stepped, axis=1, keepdims=True)
    data = batch.dataset()
    clipping = {"global_clipnorm": 1e9} if stored else {}
    graph.trainer(learning_rate=rate, **clipping).train_step(data, everything(data))
    np.testing.assert_allclose(node.native.get("decoder"), expected, atol=2e-6)


def test_idle_rows_count_the_rows_since_a_latent_was_active() -> None:
    graph = graph_of(dictionary(k=1))
    batch = graph.batch(samples=5)
    node = graph.layers[0]
    put(node, "idle_rows", np.zeros(21))
    data = batch.dataset()
    run = Run()
    graph.forward(batch.inputs, run)
    trainer = graph.trainer(learning_rate=0.0)
    trainer.train_step(data, everything(data))
    trainer.train_step(data, everything(data))
    idle = node.native.get("idle_rows")
    assert set(np.unique(idle)) == {0.0, 10.0}
    assert 1 <= np.sum(idle == 0) <= 5
