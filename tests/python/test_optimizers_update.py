"""Optimizers agree with Keras' formulas in float64, also while some experts are inactive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.experts import MLP
from gatewise.routers import TopK
from gradient_check import Batch, Graph, Node, dense, group_norms, put, sparse_expert
from gradient_reference import Run
from optimizer_rules import (
    RULES,
    WITH_FIRST_MOMENT,
    WITH_L1,
    WITH_SECOND_MOMENT,
    WITH_STATISTICS,
    WITH_THIRD_MOMENT,
    Slices,
    clip,
    update,
)

pytestmark = pytest.mark.kernels

STEPS = 8
CLIPS = [{"clipvalue": 0.02}, {"clipnorm": 0.1}, {"global_clipnorm": 0.2}]


def make_graph(k: int = 1, l1: float = 0.0, l2: float = 0.0, groups: str = "none") -> Graph:
    router = TopK(k, normalize=False)
    settings = {"l1": l1, "l2": l2, "groups": groups}
    layer = sparse_expert(MLP(2, "tanh"), router, units=2, settings=settings)
    nodes = [(layer, [0]), (dense(2, **settings), [1])]
    return Graph([3], nodes, [2], loss_weights=[4.0], seed=1)


def reference_step(graph: Graph, batch: Batch, o: dict[str, Any], states: dict) -> np.ndarray:
    """Updates the graph's float64 weights by one step; returns which experts were active."""
    run = Run()
    graph.loss(batch, run)
    assert run.margin > 1e-3
    layer = graph.layers[0]
    working = np.isin(np.arange(4), run.chosen[layer][0])
    gradients = graph.differences(batch)
    clip(o, gradients)
    for (node, name), g in gradients.items():
        state = states[node, name]
        l1 = node.l1 if name.startswith("kernel") else 0.0
        for at, index in enumerate(state.slices):
            if len(state.slices) == 1 or working[at] or o.get("dense_updates"):
                update(o, node.weights[name], g[index], state, at, l1, node.groups)
    return working


def run_both(graph: Graph, o: dict[str, Any], rates: list[float] | None = None) -> dict:
    """Trains both models and compares them at the end; returns the reference's states."""
    batch = graph.batch(2 * STEPS)
    data, trainer = batch.dataset(), graph.trainer(**o)
    parameters = [(node, each) for node in graph.layers for each in node.native.parameters()]
    states = {
        (node, each.name): Slices(
            node.weights[each.name], each.per_expert, o.get("initial_accumulator_value", 0.0)
        )
        for node, each in parameters
    }
    begin = {key: key[0].weights[key[1]].copy() for key in states}
    inactive = []
    for step in range(STEPS):
        samples = np.arange(2 * step, 2 * step + 2)
        part = Batch([batch.inputs[0][samples]], [batch.targets[0][samples]], [None])
        if rates:
            trainer.learning_rate = o["learning_rate"] = rates[step]
        expected = graph.loss(part)
        inactive.append(~reference_step(graph, part, o, states))
        # Float32 rounding of the loss, and of the weights in earlier steps.
        assert trainer.train_step(data, samples)[0] == pytest.approx(expected, rel=2e-5)
    compare(graph, begin)
    assert np.any(inactive, axis=0).all() == (graph.layers[0].options["router.k"] < 4)
    return states


def compare(graph: Graph, begin: dict[tuple[Node, str], np.ndarray]) -> None:
    for (node, name), before in begin.items():
        expected, got = node.weights[name], node.native.get(name)
        moved = np.linalg.norm(expected - before)
        assert moved > 1e-2 * np.linalg.norm(before)
        # 1e-6 of the gradient, plus 8 roundings of each weight by 6e-8 of it.
        allowed = 1e-5 * moved + 2e-7 * np.linalg.norm(expected)
        assert np.linalg.norm(got - expected) <= allowed, name
        if node.l1 > 0:
            np.testing.assert_array_equal(got == 0, expected == 0)


@pytest.mark.parametrize("dense_updates", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_optimizer_agrees_with_its_formula_with_a_step_count_per_expert(rule, dense_updates):
    states = run_both(make_graph(), RULES[rule] | {"dense_updates": dense_updates})
    steps = np.concatenate([state.steps for state in states.values()])
    assert (steps.min() < STEPS) == (not dense_updates)


@pytest.mark.parametrize("rule", RULES)
def test_native_step_counts_and_first_moments_agree_with_the_formula(rule):
    graph = make_graph()
    batch = graph.batch(2)
    trainer = graph.trainer(**RULES[rule])
    layer = graph.layers[0]
    _, chosen, _ = layer.native.routing(batch.inputs[0])
    trainer.train_step(batch.dataset(), np.arange(2))
    working = np.isin(np.arange(4), chosen)
    sizes = [4 if each.per_expert else 1 for each in layer.native.parameters()]
    expected = np.concatenate([working if size == 4 else [True] for size in sizes])
    np.testing.assert_array_equal(trainer.state()["layer0.steps"], expected)
    names = {name.partition(".")[2] for name in trainer.state()}
    assert ("first_moment" in names) == (rule in WITH_FIRST_MOMENT)
    assert ("second_moment" in names) == (rule in WITH_SECOND_MOMENT)
    assert ("third_moment" in names) == (rule in WITH_THIRD_MOMENT)
    assert ("statistics" in names) == (rule in WITH_STATISTICS)
    assert names.isdisjoint({"average", "average_steps", "gradient_sum", "is_accumulated"})


@pytest.mark.parametrize("clipping", CLIPS, ids=lambda each: next(iter(each)))
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adam", "adafactor"])
def test_gradients_are_clipped(rule, clipping):
    rates = {"sgd": 1.0, "nesterov": 0.5, "adam": 0.02, "adafactor": 0.05}
    run_both(make_graph(), RULES[rule] | clipping | {"learning_rate": rates[rule]})


@pytest.mark.parametrize("clipping", CLIPS, ids=lambda each: next(iter(each)))
def test_a_gradient_below_the_limit_is_not_clipped(clipping):
    limit = {name: 1e3 for name in clipping}
    run_both(make_graph(), RULES["sgd"] | limit)


@pytest.mark.parametrize("clipping", CLIPS, ids=lambda each: next(iter(each)))
def test_clipping_includes_the_gradient_of_the_l2_penalty(clipping):
    # Every expert is active in every step, so that its penalty is part of the gradient.
    graph = make_graph(k=4, l2=0.2)
    run_both(graph, RULES["sgd"] | clipping | {"learning_rate": 2.0})


@pytest.mark.parametrize("weight_decay", [0.5, 2.0])
@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam", "adamw", "adafactor"])
def test_weight_decay_comes_before_the_update(rule, weight_decay):
    run_both(make_graph(), RULES[rule] | {"weight_decay": weight_decay})


@pytest.mark.parametrize("rule", WITH_L1)
def test_l1_is_a_proximal_step_after_the_update(rule):
    graph = make_graph(l1=0.3)
    run_both(graph, dict(RULES[rule]))
    kernels = [node.weights[n] for node in graph.layers for n in node.weights if "kernel" in n]
    zeros = sum(int((w == 0).sum()) for w in kernels)
    assert zeros > 0


@pytest.mark.parametrize("groups", ["input", "unit", "block"])
@pytest.mark.parametrize("rule", WITH_L1)
def test_group_l1_is_a_proximal_step_for_whole_groups(rule, groups):
    graph = make_graph(l1=1.0 if RULES[rule]["kind"] == "sgd" else 0.3, groups=groups)
    run_both(graph, dict(RULES[rule]))
    kernels = [
        w for node in graph.layers for n, w in node.weights.items() if n.startswith("kernel")
    ]
    norms = np.concatenate([group_norms(w, groups)[0].reshape(-1) for w in kernels])
    assert (norms == 0).any() and (norms > 0).any()


@pytest.mark.parametrize("clipping", CLIPS, ids=lambda each: next(iter(each)))
def test_group_l1_is_applied_after_updates_deferred_for_clipping(clipping):
    run_both(make_graph(l1=0.3, l2=0.1, k=4, groups="input"), RULES["adam"] | clipping)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_learning_rate_can_change_between_steps(rule):
    o = dict(RULES[rule])
    run_both(make_graph(), o, [o["learning_rate"] / (1 + step) for step in range(STEPS)])


def test_an_update_by_zero_gradient_keeps_every_bit():
    graph = make_graph()
    put(graph.layers[1], "kernel", np.zeros((2, 2)))
    before = graph.layers[0].native.get("kernel_in")
    data = graph.batch(4).dataset()
    graph.trainer(kind="adam", learning_rate=0.1).train_step(data, np.arange(4))
    np.testing.assert_array_equal(graph.layers[0].native.get("kernel_in"), before)


SLOW = {
    "sgd": gw.optimizers.SGD(0.01),
    "momentum": gw.optimizers.SGD(0.01, momentum=0.9),
    "nesterov": gw.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": gw.optimizers.RMSprop(0.02, epsilon=1.0),
    "rmsprop with momentum": gw.optimizers.RMSprop(0.002, momentum=0.9, epsilon=1.0),
    "rmsprop centered": gw.optimizers.RMSprop(0.02, epsilon=1.0, centered=True),
    "adam": gw.optimizers.Adam(gw.optimizers.schedules.ExponentialDecay(0.01, 500, 0.3)),
    "amsgrad": gw.optimizers.Adam(
        gw.optimizers.schedules.ExponentialDecay(0.01, 500, 0.3), amsgrad=True
    ),
    "adagrad": gw.optimizers.Adagrad(0.5),
    "adadelta": gw.optimizers.Adadelta(0.05, epsilon=0.1),
    "adamax": gw.optimizers.Adamax(gw.optimizers.schedules.ExponentialDecay(0.01, 500, 0.3)),
    "nadam": gw.optimizers.Nadam(gw.optimizers.schedules.ExponentialDecay(0.01, 500, 0.3)),
}


def fitted_kernel(
    optimizer: gw.optimizers.Optimizer,
    penalty: gw.regularizers.Regularizer,
    x: np.ndarray,
    y: np.ndarray,
) -> np.ndarray:
    gw.utils.set_random_seed(0)
    layer = gw.layers.Dense(y.shape[1], use_bias=False, kernel_regularizer=penalty)
    model = gw.Sequential([gw.Input(shape=(x.shape[1],)), layer])
    model.compile(gw.optimizers.get(gw.optimizers.serialize(optimizer)), "mse")
    model.fit(x, y, batch_size=len(x), epochs=4000, shuffle=False, verbose=0)
    return model.get_weights()[0]


@pytest.mark.parametrize("rule", SLOW)
def test_weights_stop_where_the_l1_penalty_balances_the_gradient(rule):
    # (w - 1)^2 + 0.4 |w| is least at 0.8.
    one = np.ones((1, 1), np.float32)
    kernel = fitted_kernel(SLOW[rule], gw.regularizers.L1(0.4), one, one)
    assert kernel.item() == pytest.approx(0.8, abs=2e-4)


@pytest.mark.parametrize("rule", SLOW)
def test_weights_stop_at_the_optimum_of_the_group_penalty(rule):
    # Inputs of one group with gradients of different sizes, so that Adam's steps differ by weight.
    x = np.diag([2.0, 1.0, 0.7, 0.5]).astype(np.float32)
    y = x @ np.array([[1.0], [0.7], [0.5], [-0.4]], np.float32)
    l1 = 0.05
    kernel = fitted_kernel(SLOW[rule], gw.regularizers.GroupL1(l1, "unit"), x, y).astype(float)
    # There the loss' gradient is -l1 sqrt(4) w / |w|.
    gradient = 2 * x.T @ (x @ kernel - y) / len(x)
    np.testing.assert_allclose(gradient, -2 * l1 * kernel / np.linalg.norm(kernel), atol=2e-4)


@pytest.mark.parametrize("penalty", ["l1", gw.regularizers.GroupL1(0.1)])
@pytest.mark.parametrize("optimizer", ["lion", "adafactor"])
def test_penalties_without_a_proximal_step_are_refused(optimizer, penalty):
    model = gw.Sequential([gw.Input(shape=(2,)), gw.layers.Dense(1, kernel_regularizer=penalty)])
    model.compile(optimizer, "mse")
    with pytest.raises(ValueError, match="kernel_regularizer: expected no L1 or GroupL1 penalty"):
        model.fit(np.ones((4, 2)), np.ones(4), verbose=0)


@pytest.mark.parametrize(
    "optimizer",
    [
        gw.optimizers.RMSprop(0.01, rho=0.8, centered=True),
        gw.optimizers.Adam(amsgrad=True),
        gw.optimizers.AdamW(amsgrad=True, weight_decay=0.1),
        gw.optimizers.Adagrad(initial_accumulator_value=0.3, epsilon=1e-3),
        gw.optimizers.Adadelta(rho=0.9, epsilon=1e-3),
        gw.optimizers.Adamax(beta_1=0.8, beta_2=0.7, epsilon=1e-3),
        gw.optimizers.Nadam(beta_1=0.8, beta_2=0.7, epsilon=1e-3),
        gw.optimizers.Adafactor(0.1, -0.7, 1e-20, 1e-2, 0.5, relative_step=False),
        gw.optimizers.Lion(),
        gw.optimizers.SGD(use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
        gw.optimizers.Lion(gradient_accumulation_steps=3, loss_scale_factor=128.0),
    ],
    ids=lambda each: type(each).__name__,
)
def test_settings_of_an_optimizer_survive_its_configuration(optimizer):
    config = gw.optimizers.serialize(optimizer)
    assert gw.optimizers.get(config).get_config() == optimizer.get_config()
    assert gw.optimizers.get(config).native_options() == optimizer.native_options()
