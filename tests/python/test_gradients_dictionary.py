"""Gradients of the sparse dictionary against finite differences."""

from typing import Any

import numpy as np
import pytest

from gatewise import balance
from gatewise.balance import AuxLoss
from gatewise.routers import Switch
from gradient_check import LOSS_WEIGHT, Graph, all_samples, check_gradients, dense, put
from gradient_reference import Node, Run

pytestmark = pytest.mark.kernels

PLAIN: dict[str, Any] = {
    **{"latents": 21, "threshold": 0.0, "unit_norm": False, "subtract_bias": True},
    **{"tied": False, "lazy_updates": False, "prefixes": ""},
    **{"dead.k": 0, "dead.weight": 0.0, "dead.rows": 0.0},
    **{"activation.kind": "top_k", "activation.k": 4},
}


def dictionary(unit_norm: bool = False, **changed: Any) -> Node:
    options = PLAIN | {"unit_norm": unit_norm} | changed
    if "top_k" not in options["activation.kind"]:
        del options["activation.k"]
    return Node("sparse_dictionary", options)


def graph_of(node: Node, width: int = 6, scale: float = 1.0) -> Graph:
    graph = Graph([width], [(node, [0])], [1])
    put(node, "scale", np.array([scale]))
    return graph


@pytest.mark.parametrize(
    "changed", [{}, {"activation.k": 1}, {"activation.k": 21}, {"threshold": 0.4}, {"latents": 16}]
)
def test_gradients_of_all_parameters_agree_with_finite_differences(changed: dict[str, Any]) -> None:
    check_gradients(graph_of(dictionary(**changed)))


L1 = {"activation.l1": 2.0}
ACTIVATIONS: dict[str, dict[str, Any]] = {
    "relu": {"activation.kind": "relu", "activation.l1": 0.0},
    "relu, l1": {"activation.kind": "relu", **L1},
    "relu, l1, threshold": {"activation.kind": "relu", "threshold": 0.4, **L1},
    "batch_top_k": {
        "activation.kind": "batch_top_k",
        "activation.k": 4,
        "activation.momentum": 0.9,
    },
    "jump_relu": {
        **{"activation.kind": "jump_relu", "activation.weight": 3.0, "activation.bandwidth": 0.5},
        "activation.target_l0": 4.0,
    },
    "gated": {"activation.kind": "gated", **L1},
    "identity": {"activation.kind": "identity"},
    "kl": {"activation.kind": "kl", "activation.rho": 0.1, "activation.weight": 0.5},
    "kl, threshold": {
        **{"activation.kind": "kl", "activation.rho": 0.1, "activation.weight": 0.5},
        "threshold": 0.4,
    },
    "lista of one": {"activation.kind": "lista", "activation.steps": 1, **L1},
    "lista": {"activation.kind": "lista", "activation.steps": 3, **L1},
}
OWN_LOSSES: dict[str, dict[str, Any]] = {
    "prefixes": {"prefixes": "3,10"},
    "dead": {"dead.k": 3, "dead.weight": 2.0, "dead.rows": 50.0},
    "dead and prefixes": {"prefixes": "5", "dead.k": 9, "dead.weight": 2.0, "dead.rows": 50.0},
    "bias not subtracted": {"subtract_bias": False},
    "tied": {"tied": True},
    "tied, bias not subtracted, dead": {
        **{"tied": True, "subtract_bias": False},
        **{"dead.k": 3, "dead.weight": 2.0, "dead.rows": 50.0},
    },
}


def equal_weights(node: Node, width: int = 6, scale: float = 1.0) -> Graph:
    """A graph whose loss has the same weight as the layer's own losses."""
    graph = Graph([width], [(node, [0])], [1], loss_weights=[1.0])
    rng = np.random.default_rng(3)
    put(node, "scale", np.array([scale]))
    put(node, "rows_since_active", rng.choice([0.0, 40.0, 60.0], node.options["latents"]))
    if "latent_threshold" in node.weights:
        put(node, "latent_threshold", rng.uniform(0.8, 1.2, node.options["latents"]))
        put(node, "encoder_bias", rng.normal(0.8, 0.3, node.options["latents"]))
    if "lista" in node.options["activation.kind"]:  # else z grows from step to step
        for name in ("encoder", "decoder"):
            put(node, name, 0.5 * node.weights[name])
    if node.options["tied"]:
        put(node, "encoder", node.weights["decoder"].T)
    return graph


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_every_activation_and_penalty_agree_with_finite_differences(name: str) -> None:
    check_gradients(equal_weights(dictionary(**ACTIVATIONS[name])))


@pytest.mark.parametrize("name", OWN_LOSSES)
def test_gradients_of_the_layers_own_losses_agree_with_finite_differences(name: str) -> None:
    graph = equal_weights(dictionary(**OWN_LOSSES[name]))
    check_gradients(graph, graph.batch(5, weighted=True))


@pytest.mark.parametrize("activation", ["relu, l1", "batch_top_k", "jump_relu", "top_k"])
def test_gradients_of_dead_latents_agree_with_every_activation_that_allows_them(
    activation: str,
) -> None:
    settings = ACTIVATIONS.get(activation, {}) | OWN_LOSSES["dead"] | {"prefixes": "8"}
    check_gradients(equal_weights(dictionary(**settings)))


def switch(terms: Any = (), **changed: Any) -> Node:
    options = {"latents": 64, "num_experts": 4, **Switch().native_options()}
    return dictionary(**options | balance.native_options(list(terms)) | changed)


@pytest.mark.parametrize("changed", [{}, ACTIVATIONS["relu, l1"], {"subtract_bias": False}])
def test_gradients_of_dictionary_experts_and_router_agree_with_finite_differences(
    changed: Any,
) -> None:
    check_gradients(equal_weights(switch([AuxLoss(1.0)], **changed)))


def test_input_gradient_of_dictionary_experts_agrees_with_finite_differences() -> None:
    node = switch()
    graph = Graph([5], [(dense(6), [0]), (node, [1])], [2])
    put(node, "scale", np.array([1.0]))
    check_gradients(graph)


def test_a_scale_does_not_change_the_weights_of_the_layers_own_losses() -> None:
    """Gradients are those of s^2 times the loss."""
    settings = OWN_LOSSES["dead and prefixes"] | ACTIVATIONS["relu, l1"]
    graph = equal_weights(dictionary(**settings), scale=3.0)
    batch = graph.batch()
    node = graph.layers[0]
    run = Run()
    loss, expected, before = graph.loss(batch, run), graph.differences(batch), dict(node.weights)
    data = batch.dataset()
    got = graph.trainer(learning_rate=1 / 9).train_step(data, all_samples(data))[0]
    assert got == pytest.approx(loss, rel=1e-6)
    for (_, name), gradient in expected.items():
        change = before[name] - node.native.get(name)
        np.testing.assert_allclose(change, gradient, rtol=1e-3, atol=2e-5 * np.abs(gradient).max())


def test_layers_before_a_dictionary_get_its_input_gradient() -> None:
    node = dictionary()
    graph = Graph([5], [(dense(6), [0]), (node, [1])], [2])
    put(node, "scale", np.array([1.0]))
    check_gradients(graph)


def test_gradients_are_those_of_the_standardized_rows() -> None:
    graph = graph_of(dictionary(), scale=3.0)
    batch = graph.batch()
    node = graph.layers[0]
    expected = graph.differences(batch)
    before = dict(node.weights)
    data = batch.dataset()
    graph.trainer(learning_rate=1 / 9).train_step(data, all_samples(data))
    for (_, name), gradient in expected.items():
        change = before[name] - node.native.get(name)
        np.testing.assert_allclose(change, gradient, rtol=1e-4, atol=1e-4 * np.abs(gradient).max())


def test_layers_before_a_standardizing_dictionary_get_the_gradient_of_the_loss() -> None:
    node, first = dictionary(), dense(6)
    graph = Graph([5], [(first, [0]), (node, [1])], [2])
    put(node, "scale", np.array([3.0]))
    node.native.trainable = node.trainable = False
    check_gradients(graph)


@pytest.mark.parametrize("stored", [False, True])
def test_a_unit_norm_row_is_updated_tangentially_and_keeps_its_norm(stored: bool) -> None:
    graph = graph_of(dictionary(unit_norm=True))
    node = graph.layers[0]
    rows = node.weights["decoder"]
    put(node, "decoder", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    batch = graph.batch()
    w = node.weights["decoder"].copy()
    gradient = graph.differences(batch)[node, "decoder"]
    tangential = gradient - np.sum(gradient * w, axis=1, keepdims=True) * w
    rate = 1 / LOSS_WEIGHT
    stepped = w - rate * tangential
    expected = stepped / np.linalg.norm(stepped, axis=1, keepdims=True)
    data = batch.dataset()
    clipping = {"global_clipnorm": 1e9} if stored else {}
    graph.trainer(learning_rate=rate, **clipping).train_step(data, all_samples(data))
    np.testing.assert_allclose(node.native.get("decoder"), expected, atol=2e-6)


def test_rows_since_active_count_the_rows_since_a_latent_was_active() -> None:
    graph = graph_of(dictionary(**{"activation.k": 1}))
    batch = graph.batch(samples=5)
    node = graph.layers[0]
    put(node, "rows_since_active", np.zeros(21))
    data = batch.dataset()
    run = Run()
    graph.forward(batch.inputs, run)
    trainer = graph.trainer(learning_rate=0.0)
    trainer.train_step(data, all_samples(data))
    trainer.train_step(data, all_samples(data))
    idle = node.native.get("rows_since_active")
    assert set(np.unique(idle)) == {0.0, 10.0}
    assert 1 <= np.sum(idle == 0) <= 5
