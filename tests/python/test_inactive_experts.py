"""Inactive experts are not read, not written, not updated and count no step."""

import numpy as np
import pytest

from gatewise.balance import AuxLoss, ZLoss
from gatewise.experts import GLU, MLP, Linear
from gatewise.routers import NoisyTopK, SigmoidTopK, Switch, TopK
from gradient_check import Graph, Node, all_samples, dense, put, sparse_expert

pytestmark = pytest.mark.kernels

INACTIVE = 2
EXPERTS = [Linear("tanh"), MLP(5, "gelu"), GLU(5, use_bias=True)]
ROUTERS = {
    "top_k": TopK(2, normalize=False),
    "top_k, normalised": TopK(2),
    "top_k over the chosen": TopK(2, over="chosen"),
    "switch": Switch(),
    "sigmoid_top_k": SigmoidTopK(2),
    "noisy_top_k": NoisyTopK(2),
}
OPTIMIZERS = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "adam": {"kind": "adam", "learning_rate": 0.1},
    "adamw": {"kind": "adamw", "learning_rate": 0.1, "weight_decay": 0.1},
    "amsgrad": {"kind": "adam", "learning_rate": 0.1, "amsgrad": True},
    "rmsprop": {"kind": "rmsprop", "learning_rate": 0.1, "momentum": 0.5, "centered": True},
    "adagrad": {"kind": "adagrad", "learning_rate": 0.1, "initial_accumulator_value": 0.1},
    "adadelta": {"kind": "adadelta", "learning_rate": 1.0, "epsilon": 1e-3},
    "adamax": {"kind": "adamax", "learning_rate": 0.1},
    "nadam": {"kind": "nadam", "learning_rate": 0.1},
    "adafactor": {"kind": "adafactor", "learning_rate": 0.1},
    "averages": {"kind": "adam", "learning_rate": 0.1, "ema_momentum": 0.9},
    "clipnorm": {"learning_rate": 0.1, "momentum": 0.9, "clipnorm": 0.5},
    "global_clipnorm": {"kind": "adam", "learning_rate": 0.1, "global_clipnorm": 0.5},
}

# Without a gradient these leave weights as they are.
WITHOUT_MOMENTUM = ("sgd", "adagrad", "adadelta", "adafactor")


def inactive_expert_graph(expert, router, filling: float | None, twice: bool = False) -> Graph:
    """A graph whose expert INACTIVE holds only `filling` and is never chosen if x[:, 0] is 1."""
    layer = sparse_expert(expert, router, [AuxLoss(0.1), ZLoss(0.01)], shared_experts=1)
    uses = [(layer, [0]), (layer, [0])] if twice else [(layer, [0])]
    last = [1, 2] if twice else [1, 1]
    outputs = [2 + len(uses)]
    graph_nodes = [*uses, (Node("add", {}), last), (dense(2), [1 + len(uses)])]
    graph = Graph([3], graph_nodes, outputs, loss_weights=[1.0])
    kernel = layer.weights["router_kernel"].copy()
    kernel[0] = [0, 0, -30, 0]
    put(layer, "router_kernel", kernel)
    if filling is not None:
        for name in per_expert(layer):
            values = layer.weights[name].copy()
            values[INACTIVE] = filling
            put(layer, name, values)
    return graph


def per_expert(layer: Node) -> list[str]:
    parameters = layer.native.parameters()
    return [each.name for each in parameters if each.per_expert and "shared" not in each.name]


def batch_of(graph: Graph):
    batch = graph.batch(9)
    batch.inputs[0][:, 0] = 1
    return batch


def step_counts(graph: Graph, trainer) -> dict[str, np.ndarray]:
    """Step counts of every slice of the first layer's parameters."""
    counts, at, found = trainer.state()["layer0.steps"], 0, {}
    for each in graph.layers[0].native.parameters():
        size = each.shape[0] if each.per_expert else 1
        found[each.name] = counts[at : at + size]
        at += size
    assert at == len(counts)
    return found


def working(graph: Graph) -> dict[tuple[int, str], np.ndarray]:
    """All weights except those of the inactive expert."""
    found = {}
    for at, node in enumerate(graph.layers):
        for each in node.native.parameters():
            value = node.native.get(each.name)
            if at == 0 and each.name in per_expert(node):
                value = np.delete(value, INACTIVE, axis=0)
            found[at, each.name] = value
    return found


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("router", ROUTERS)
def test_an_inactive_expert_of_nan_changes_no_prediction(expert, router):
    graphs = [inactive_expert_graph(expert, ROUTERS[router], filling) for filling in (None, np.nan)]
    first, second = (graph.network.predict(batch_of(graph).inputs, 4)[0] for graph in graphs)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("expert", EXPERTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_an_inactive_expert_of_nan_changes_no_other_weight(expert, router, twice):
    results = []
    for filling in (None, np.nan):
        graph = inactive_expert_graph(expert, ROUTERS[router], filling, twice)
        data = batch_of(graph).dataset()
        trainer = graph.trainer(**OPTIMIZERS["adam"])
        losses = [trainer.train_step(data, all_samples(data))[0] for _ in range(3)]
        results.append((losses, working(graph)))
        for name in per_expert(graph.layers[0]):
            after = graph.layers[0].native.get(name)[INACTIVE]
            before = np.float32(graph.layers[0].weights[name][INACTIVE])
            np.testing.assert_array_equal(after, before)
    (losses, weights), (other_losses, other_weights) = results
    assert np.isfinite(losses).all()
    assert losses == other_losses
    for key, value in weights.items():
        np.testing.assert_array_equal(value, other_weights[key])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_inactive_expert_keeps_its_weights_moments_and_step_count(optimizer):
    graph = inactive_expert_graph(MLP(5), TopK(2), np.nan)
    layer = graph.layers[0]
    data = batch_of(graph).dataset()
    trainer = graph.trainer(**OPTIMIZERS[optimizer])
    for _ in range(3):
        trainer.train_step(data, all_samples(data))
    for name, counts in step_counts(graph, trainer).items():
        expected = np.full(len(counts), 3)
        if name in per_expert(layer):
            assert np.isfinite(np.delete(layer.native.get(name), INACTIVE, axis=0)).all()
            expected[INACTIVE] = 0
        np.testing.assert_array_equal(counts, expected)
    kept = ("_moment", "statistics", "average")
    moments = [value for name, value in trainer.state().items() if name.endswith(kept)]
    assert all(np.isfinite(value).all() for value in moments)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dense_updates", [False, True])
def test_an_expert_that_becomes_inactive_is_updated_only_by_dense_updates(optimizer, dense_updates):
    graph = inactive_expert_graph(MLP(5, "tanh"), TopK(2), None)
    layer = graph.layers[0]
    batch = graph.batch(9)
    # Column 0 selects experts: INACTIVE is chosen only in the first half of the samples.
    batch.inputs[0][:, 0] = [-1] * 4 + [1] * 5
    data = batch.dataset()
    trainer = graph.trainer(dense_updates=dense_updates, **OPTIMIZERS[optimizer])
    trainer.train_step(data, np.arange(4))
    before = {name: layer.native.get(name)[INACTIVE] for name in per_expert(layer)}
    trainer.train_step(data, np.arange(4, 9))
    moves = dense_updates and optimizer not in WITHOUT_MOMENTUM
    for name, value in before.items():
        assert np.array_equal(layer.native.get(name)[INACTIVE], value) != moves, name
        assert step_counts(graph, trainer)[name][INACTIVE] == (2 if dense_updates else 1)


def test_penalties_do_not_update_an_inactive_expert():
    graph = inactive_expert_graph(Linear(), TopK(2), None)
    layer = graph.layers[0]
    layer.native.set_penalty("kernel", 0.1, 0.1)
    data = batch_of(graph).dataset()
    graph.trainer().train_step(data, all_samples(data))
    moved = layer.native.get("kernel") != layer.weights["kernel"].astype(np.float32)
    assert moved.any(axis=(1, 2)).tolist() == [True, True, False, True]


def test_the_training_load_counts_only_rows_of_training_steps():
    graph = inactive_expert_graph(Linear(), TopK(2), None)
    layer = graph.layers[0]
    batch = batch_of(graph)
    data, trainer = batch.dataset(), graph.trainer(learning_rate=0.0)
    layer.native.reset_training_load()
    graph.network.predict(batch.inputs, 4)
    trainer.test_step(data, all_samples(data))
    assert layer.native.training_load().sum() == 0
    for _ in range(2):
        trainer.train_step(data, all_samples(data))
    expected = 2 * np.bincount(layer.native.routing(batch.inputs[0])[1], minlength=4)
    assert expected[INACTIVE] == 0
    np.testing.assert_array_equal(layer.native.training_load(), expected)
