"""Losses, fused with their activation or not: gradients agree with finite differences."""

import numpy as np
import pytest

import gatewise as gw
from gatewise import _core
from gradient_check import LOSS_WEIGHT, Graph, Node, all_samples, check_gradients, dense, put
from gradient_check import sparse_expert as expert_layer
from gradient_reference import Run

pytestmark = pytest.mark.kernels


def binary(smoothing: float = 0.0, from_logits: bool = False):
    return "binary_crossentropy", {"from_logits": from_logits, "label_smoothing": smoothing}


def categorical(smoothing: float = 0.0, from_logits: bool = False):
    return "categorical_crossentropy", {"from_logits": from_logits, "label_smoothing": smoothing}


def sparse(from_logits: bool = False, **settings: int):
    return "sparse_categorical_crossentropy", {"from_logits": from_logits, **settings}


def focal(kind: str, gamma: float, from_logits: bool = False, **settings):
    options = {"from_logits": from_logits, "label_smoothing": 0.0, "alpha": 0.3, "gamma": gamma}
    if kind == "binary":
        options["apply_class_balancing"] = False
    return f"{kind}_focal_crossentropy", options | settings


# Each loss with the activation that it is fused with if that is the last operation.
FUSED = [
    (binary(), "sigmoid"),
    (binary(0.2), "sigmoid"),
    (categorical(), "softmax"),
    (categorical(0.2), "softmax"),
    (sparse(), "softmax"),
]
VALUES = [
    (("mse", {}), "linear"),
    (("mae", {}), "linear"),
    (("mean_absolute_percentage_error", {}), "linear"),
    (("mean_squared_logarithmic_error", {}), "linear"),
    (("huber", {"delta": 0.5}), "linear"),
    (("log_cosh", {}), "linear"),
    (("poisson", {}), "softplus"),
    (("hinge", {}), "linear"),
    (("squared_hinge", {}), "linear"),
    (("categorical_hinge", {}), "linear"),
    (("kl_divergence", {}), "softmax"),
    (("cosine_similarity", {}), "linear"),
]
FOCAL = [
    (focal("binary", 2.0), "sigmoid"),
    (focal("binary", 0.5, label_smoothing=0.2), "sigmoid"),
    (focal("binary", 1.5, apply_class_balancing=True), "sigmoid"),
    (focal("binary", 3.0, True), "linear"),
    (focal("binary", 0.0), "sigmoid"),
    (focal("categorical", 2.0), "softmax"),
    (focal("categorical", 0.5, label_smoothing=0.2), "softplus"),
    (focal("categorical", 3.0, True), "linear"),
    (focal("categorical", 0.0, True), "linear"),
]
IGNORED = [
    (sparse(ignore_class=0), "softmax"),
    (sparse(True, ignore_class=1), "linear"),
]
LOGITS = [binary(0.0, True), binary(0.2, True), categorical(0.0, True), categorical(0.2, True)]
LOGITS += [sparse(True)]


def graph_with_loss(loss, *nodes: Node, weight: float = LOSS_WEIGHT) -> Graph:
    """A model of the nodes in sequence, trained with `loss`."""
    graph_nodes = [(node, [at]) for at, node in enumerate([dense(4, "tanh"), *nodes])]
    return Graph([3], graph_nodes, [len(graph_nodes)], [loss], [weight])


def activation(name: str) -> Node:
    return Node("activation", {"activation": name})


def identity() -> Node:
    """An identity layer, which keeps the loss from being fused with the activation before it."""
    return Node("dropout", {"rate": 0.0})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("units", [2, 16, 17])
@pytest.mark.parametrize(("loss", "name"), [*FUSED, *VALUES, *FOCAL, *IGNORED])
def test_gradient_of_a_loss_fused_with_its_activation_agrees(loss, name, units, weighted):
    graph = graph_with_loss(loss, dense(units, name))
    check_gradients(graph, graph.batch(weighted=weighted))


@pytest.mark.parametrize(("loss", "name"), [(binary(0.2), "sigmoid"), (("mse", {}), "linear")])
def test_gradient_of_a_loss_of_one_unit_agrees(loss, name):
    check_gradients(graph_with_loss(loss, dense(1, name)))


@pytest.mark.parametrize(("loss", "name"), FUSED)
@pytest.mark.parametrize("last", ["activation", "sparse_expert"])
def test_loss_is_fused_with_any_layer_that_ends_in_its_activation(loss, name, last):
    layers = {
        "activation": lambda: [dense(3), activation(name)],
        "sparse_expert": lambda: [expert_layer(activation=name)],
    }
    check_gradients(graph_with_loss(loss, *layers[last]()))


@pytest.mark.parametrize("units", [3, 17])
@pytest.mark.parametrize(("loss", "name"), FUSED)
def test_gradient_of_a_loss_of_probabilities_agrees(loss, name, units):
    check_gradients(graph_with_loss(loss, dense(units, name), identity()))


@pytest.mark.parametrize("units", [3, 17])
@pytest.mark.parametrize("loss", LOGITS)
def test_gradient_of_a_loss_of_logits_agrees(loss, units):
    graph = graph_with_loss(loss, dense(units))
    check_gradients(graph, graph.batch(weighted=True))


@pytest.mark.parametrize("loss", [categorical(), categorical(0.2), sparse()])
def test_categorical_loss_divides_outputs_by_their_sum(loss):
    check_gradients(graph_with_loss(loss, dense(3, "softplus")))


def test_binary_loss_has_zero_gradient_where_it_clips():
    graph = graph_with_loss(binary(0.2), dense(17, "linear"))
    batch = graph.batch()
    y = graph.forward(batch.inputs, Run())[0]
    assert {-1, 0, 1} == set(np.unique(np.sign(y - np.clip(y, 0, 1))))
    check_gradients(graph, batch)


def test_divergence_has_zero_gradient_where_it_clips():
    graph = graph_with_loss(("kl_divergence", {}), dense(17, "linear"))
    batch = graph.batch()
    y = graph.forward(batch.inputs, Run())[0]
    assert {-1, 0, 1} == set(np.unique(np.sign(y - np.clip(y, 0, 1))))
    check_gradients(graph, batch)


@pytest.mark.parametrize("kind", ["hinge", "squared_hinge", "categorical_hinge"])
@pytest.mark.parametrize("signs", [False, True])
def test_gradient_of_a_hinge_loss_agrees_for_labels_0_and_1_and_signs(kind, signs):
    graph = graph_with_loss((kind, {}), dense(3))
    batch = graph.batch(weighted=True)
    batch.targets = [np.eye(3, dtype=np.float32)[[0, 2, 1, 1, 2, 0, 1]] * (1 + signs) - signs]
    check_gradients(graph, batch)


def test_focal_loss_weighs_each_class():
    alphas = {"alpha.0": 0.1, "alpha.1": 0.5, "alpha.2": 0.9}
    options = {"from_logits": False, "label_smoothing": 0.1, "gamma": 2.0} | alphas
    check_gradients(
        graph_with_loss(("categorical_focal_crossentropy", options), dense(3, "softmax"))
    )


def test_largest_units_share_the_gradient_of_a_categorical_hinge():
    model = gw.Sequential([gw.Input(shape=(3,)), gw.layers.Dense(3, use_bias=False)])
    model.set_weights([np.eye(3)])
    model.compile(gw.optimizers.SGD(1.0), "categorical_hinge")
    model.train_on_batch(np.array([[1.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 0.0]]))
    gradient = np.eye(3)[0] - model.get_weights()[0][0]
    np.testing.assert_array_equal(gradient, [-1.0, 0.5, 0.5])


@pytest.mark.parametrize("loss", LOGITS)
def test_gradient_of_a_loss_of_logits_agrees_at_large_logits(loss):
    graph = graph_with_loss(loss, dense(3))
    kernel = graph.layers[1].weights["kernel"]
    put(graph.layers[1], "kernel", kernel * 100)
    check_gradients(graph)


@pytest.mark.parametrize(("fused", "name"), FUSED)
@pytest.mark.parametrize("scale", [1, 100])
def test_fused_loss_equals_the_loss_of_logits(fused, name, scale):
    kind, options = fused
    graphs = [
        graph_with_loss(fused, dense(3, name)),
        graph_with_loss((kind, options | {"from_logits": True}), dense(3)),
    ]
    results = []
    for graph in graphs:
        put(graph.layers[1], "kernel", graph.layers[1].weights["kernel"] * scale)
        data = graph.batch().dataset()
        loss = graph.trainer().train_step(data, all_samples(data))[0]
        results.append((loss, *(graph.layers[0].native.get(n) for n in ("kernel", "bias"))))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("loss", "name"), [(binary(), "sigmoid"), (categorical(), "softmax")])
def test_metrics_of_a_fused_loss_read_the_activated_outputs(loss, name):
    graph = graph_with_loss(loss, dense(3, name))
    batch = graph.batch()
    data = batch.dataset()
    settings = {"kind": "sgd", "learning_rate": 0.0}
    trainer = _core.Trainer(graph.network, [loss], [1.0], [[("mse", {}), ("mae", {})]], settings)
    error = graph.network.predict(batch.inputs, 32)[0] - batch.targets[0]
    expected = [np.mean(error**2), np.mean(np.abs(error))]
    for step in (trainer.test_step, trainer.train_step):
        # Means of 21 float32 values.
        np.testing.assert_allclose(step(data, all_samples(data))[2:-2], expected, rtol=1e-6)


@pytest.mark.parametrize(("loss", "name"), [*FUSED, (("mse", {}), "linear")])
def test_samples_of_weight_zero_count_only_in_the_divisor_of_the_mean(loss, name):
    graph = graph_with_loss(loss, dense(3, name))
    batch = graph.batch()
    weights = np.array([1, 0, 1, 0, 0, 2, 1], np.float32)
    batch.weights = [weights]
    check_gradients(graph, batch)
    kept = weights > 0
    changed = graph.batch()
    changed.weights = [weights]
    changed.inputs[0][~kept] = 0.5
    assert graph.loss(changed) == pytest.approx(graph.loss(batch), rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_step_reads_the_given_samples_in_order(count):
    graph = graph_with_loss(categorical(), dense(3, "softmax"))
    batch = graph.batch(weighted=True)
    chosen = np.array([6, 0, 3, 3, 1])[:count]
    loss = graph.trainer().test_step(batch.dataset(), chosen)[0]
    part = type(batch)(*([each[chosen] for each in kind] for kind in vars(batch).values()))
    # Float32 through two layers.
    assert loss == pytest.approx(graph.loss(part), rel=1e-6)


def test_mean_absolute_error_has_derivative_0_where_output_and_target_agree():
    model = gw.Sequential([gw.Input(shape=(2,)), gw.layers.Dense(2, use_bias=False)])
    model.set_weights([np.eye(2)])
    model.compile(gw.optimizers.SGD(1.0), "mae")
    model.train_on_batch(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    # Only the second unit's weights move, by x / 2.
    np.testing.assert_array_equal(model.get_weights()[0], [[1.0, 0.5], [0.0, 2.0]])
