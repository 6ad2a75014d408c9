"""Gradients that several steps accumulate make the update of one step on all their samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from dictionary_forms import LATENTS, sparse_sums
from gatewise.experts import MLP
from gatewise.routers import OutputSum, TopK
from gatewise.sae import SparseDictionary
from gatewise.sae import TopK as TopKCode
from gradient_check import Graph, dense, sparse_expert
from optimizer_rules import RULES

pytestmark = pytest.mark.kernels

STEPS, SAMPLES = 6, 2  # training steps, and samples of each
FORMS: dict[str, dict[str, Any]] = {
    **RULES,
    "clipvalue": {"learning_rate": 1.0, "clipvalue": 0.1},
    "clipnorm": {"learning_rate": 1.0, "clipnorm": 0.1},
    "global_clipnorm": RULES["adam"] | {"global_clipnorm": 0.2},
    "dense_updates": RULES["adam"] | {"dense_updates": True},
}


def make_graph(twice: bool = False, **settings: Any) -> Graph:
    layer = sparse_expert(MLP(3, "tanh"), TopK(1, normalize=False), units=3, settings=settings)
    uses = [(layer, [0]), (layer, [1])] if twice else [(layer, [0])]
    return Graph([3], [*uses, (dense(2, **settings), [len(uses)])], [1 + len(uses)], seed=1)


def weights_of(graph: Graph) -> dict[Any, np.ndarray]:
    return {
        (at, each.name): node.native.get(each.name)
        for at, node in enumerate(graph.layers)
        for each in node.native.parameters()
    }


def train(graph: Graph, samples: int, **optimizer: Any) -> Any:
    """Trains on all samples in order, `samples` in a step."""
    count = STEPS * SAMPLES
    data, trainer = graph.batch(count).dataset(), graph.trainer(**optimizer)
    for begin in range(0, count, samples):
        trainer.train_step(data, np.arange(begin, begin + samples))
    return trainer


def compare(graph: Graph, expected: Graph, start: Graph) -> None:
    before, wanted = weights_of(start), weights_of(expected)
    for key, value in weights_of(graph).items():
        moved = np.linalg.norm(wanted[key] - before[key])
        # The sums of a gradient have another order: a few roundings, divided by the gradient's
        # own size in some formulas.
        assert np.linalg.norm(value - wanted[key]) <= 2e-5 * moved + 5e-7, key


@pytest.mark.parametrize("rule", FORMS)
def test_accumulated_gradients_make_the_update_of_all_their_samples(rule: str) -> None:
    one, several = make_graph(), make_graph()
    train(one, 3 * SAMPLES, **FORMS[rule])
    trainer = train(several, SAMPLES, gradient_accumulation_steps=3, **FORMS[rule])
    compare(several, one, make_graph())
    assert trainer.steps == STEPS
    assert trainer.state()["layer1.steps"].tolist() == [STEPS // 3] * 2


@pytest.mark.parametrize("groups", ["none", "unit"])
@pytest.mark.parametrize("clipping", [{}, {"clipnorm": 0.1}])
def test_penalties_are_those_of_one_update(groups: str, clipping: dict[str, float]) -> None:
    penalty = {"l1": 0.2, "l2": 0.1, "groups": groups}
    one, several = make_graph(**penalty), make_graph(**penalty)
    train(one, 3 * SAMPLES, **RULES["adam"] | clipping)
    train(several, SAMPLES, gradient_accumulation_steps=3, **RULES["adam"] | clipping)
    compare(several, one, make_graph())


@pytest.mark.parametrize("rule", ["sgd", "adam", "adafactor"])
def test_a_layer_that_occurs_twice_accumulates_too(rule: str) -> None:
    one, several = make_graph(twice=True), make_graph(twice=True)
    train(one, 3 * SAMPLES, **RULES[rule])
    train(several, SAMPLES, gradient_accumulation_steps=3, **RULES[rule])
    compare(several, one, make_graph(twice=True))


@pytest.mark.parametrize("rule", ["adam", "adafactor"])
def test_only_experts_that_had_samples_since_the_last_update_are_updated(rule: str) -> None:
    graph = make_graph()
    layer = graph.layers[0].native
    batch = graph.batch(40)
    chosen = layer.routing(batch.inputs[0])[1].reshape(-1)
    counts = np.bincount(chosen, minlength=4)
    first, second = np.argsort(counts)[:-3:-1]
    data, trainer = batch.dataset(), graph.trainer(gradient_accumulation_steps=2, **RULES[rule])
    samples = [np.flatnonzero(chosen == expert)[:2] for expert in (first, second)]
    untouched = np.delete(np.arange(4), [first, second])
    per_expert = [each.name for each in layer.parameters() if each.per_expert]
    before = {name: layer.get(name) for name in per_expert}
    trainer.train_step(data, samples[0])
    for name, value in before.items():
        np.testing.assert_array_equal(layer.get(name), value)
    trainer.train_step(data, samples[1])
    for name, value in before.items():
        moved = np.any(layer.get(name) != value, axis=tuple(range(1, value.ndim)))
        assert moved[[first, second]].all() and not moved[untouched].any()


@pytest.mark.parametrize("kind", ["Adam", "Adafactor", "Nadam"])
def test_weights_and_zeros_that_are_kept_stay_between_updates(kind: str) -> None:
    layer = gw.layers.Dense(4, kernel_constraint="keep_zeros", kernel_regularizer="l2")
    model = gw.Sequential([gw.Input((5,)), layer])
    optimizer = getattr(gw.optimizers, kind)(0.1, gradient_accumulation_steps=3)
    model.compile(optimizer, "mse")
    kernel = layer.get_weights()[0] * (np.arange(20).reshape(5, 4) % 3 > 0)
    layer.set_weights([kernel, np.zeros(4)])
    rng = np.random.default_rng(0)
    seen, counts = [layer.get_weights()[0]], []
    for _ in range(6):
        model.train_on_batch(rng.normal(size=(8, 5)), rng.normal(size=(8, 4)))
        seen.append(layer.get_weights()[0])
        counts.append(optimizer.iterations)
    assert counts == [0, 0, 1, 1, 1, 2]
    for step in (1, 2, 4, 5):
        np.testing.assert_array_equal(seen[step], seen[step - 1])
    for step in (3, 6):
        assert (seen[step] != seen[step - 1])[kernel != 0].all()
        np.testing.assert_array_equal(seen[step] == 0, kernel == 0)


def test_a_router_by_output_sums_follows_every_updated_expert() -> None:
    """Also one that had samples only in a step that was not the update."""
    gw.utils.set_random_seed(3)
    layer = gw.layers.SparseExpertLayer(2, 4, router=OutputSum(1), balance=None)
    model = gw.Sequential([gw.Input((3,)), layer])
    model.compile(gw.optimizers.SGD(0.5, gradient_accumulation_steps=2), "mse")
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    chosen = layer.native.routing(x)[1].reshape(-1)
    experts = np.flatnonzero(np.bincount(chosen, minlength=4) > 3)
    assert len(experts) > 1
    for expert in experts[:2]:
        rows = x[chosen == expert][:4]
        model.train_on_batch(rows, np.ones((4, 2)))
    copy = gw.Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(x), copy.predict(x))


@pytest.mark.parametrize("settings", [{}, {"tied": True}, {"unit_norm": False}], ids=str)
@pytest.mark.parametrize("kind", ["Adam", "Adafactor"])
def test_a_dictionary_accumulates(kind: str, settings: dict[str, Any]) -> None:
    x, found = sparse_sums(240), []
    for batch_size, steps in ((60, None), (20, 3)):
        layer = SparseDictionary(LATENTS, activation=TopKCode(4), seed=0, **settings)
        optimizer = getattr(gw.optimizers, kind)(0.01, gradient_accumulation_steps=steps)
        layer.compile(optimizer, "mse")
        layer.fit(x, x, batch_size=batch_size, epochs=2, shuffle=False, verbose=0)
        found.append({each.name: layer.native.get(each.name) for each in layer.parameters()})
    one, several = found
    for name in ("encoder", "decoder", "encoder_bias", "decoder_bias"):
        # Nearly equal codes are chosen or not by rounding, which later steps multiply.
        np.testing.assert_allclose(several[name], one[name], rtol=0, atol=1e-4)
    if settings.get("tied"):
        np.testing.assert_array_equal(several["encoder"], several["decoder"].T)
    if settings.get("unit_norm", True):
        norms = np.linalg.norm(several["decoder"], axis=1)
        np.testing.assert_allclose(norms, 1, rtol=1e-6)


@pytest.mark.parametrize("settings", [{"lazy_updates": True}, {"num_experts": 4}], ids=str)
@pytest.mark.parametrize(
    "optimizer", [gw.optimizers.Adam(gradient_accumulation_steps=2), gw.optimizers.Adafactor()]
)
def test_a_dictionary_that_is_updated_in_parts_needs_an_update_in_every_step(
    optimizer: Any, settings: dict[str, Any]
) -> None:
    layer = SparseDictionary(LATENTS, activation=TopKCode(4), seed=0, **settings)
    layer.compile(gw.optimizers.get(gw.optimizers.serialize(optimizer)), "mse")
    x = sparse_sums()
    with pytest.raises(ValueError, match="optimizer: expected one without gradient_accumulation"):
        layer.fit(x, x, verbose=0)
