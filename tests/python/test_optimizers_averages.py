"""Exponential moving averages of weights: their values, and when they are the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from dictionary_forms import LATENTS, sparse_sums
from gatewise.callbacks import Callback
from gatewise.experts import MLP
from gatewise.routers import OutputSum, TopK
from gatewise.sae import SparseDictionary
from gatewise.sae import TopK as TopKCode
from gradient_check import Graph, dense, sparse_expert
from optimizer_rules import RULES

pytestmark = pytest.mark.kernels

STEPS = 14
MOMENTUM = 0.7


def make_graph() -> Graph:
    layer = sparse_expert(MLP(3, "tanh"), TopK(1, normalize=False), units=2)
    return Graph([3], [(layer, [0]), (dense(2), [1])], [2], loss_weights=[2.0], seed=1)


def weights_of(graph: Graph) -> dict[Any, np.ndarray]:
    return {
        (at, each.name): node.native.get(each.name)
        for at, node in enumerate(graph.layers)
        for each in node.native.parameters()
    }


@pytest.mark.parametrize("overwrite", [0, 4])
@pytest.mark.parametrize("rule", RULES)
def test_averages_of_all_experts_follow_keras_formula(rule: str, overwrite: int) -> None:
    """Steps leave most experts alone, and their averages are caught up at the end."""
    graph = make_graph()
    data = graph.batch(STEPS).dataset()
    averaging = {"ema_momentum": MOMENTUM, "ema_overwrite_frequency": overwrite}
    trainer = graph.trainer(**RULES[rule], **averaging)
    expected: dict[Any, np.ndarray] = {}
    for step in range(STEPS):
        before = weights_of(graph)
        trainer.train_step(data, np.array([step]))
        overwritten = overwrite and (step + 1) % overwrite == 0
        for key, w in weights_of(graph).items():
            if overwritten:
                # 3 roundings of values around 1.
                still = np.abs(w - expected[key]) <= 3e-7
                alone = np.all(w == before[key], axis=tuple(range(1, w.ndim)), keepdims=True)
                assert (still | ~alone).all()
                expected[key] = w.astype(float)
            elif step == 0:
                expected[key] = w.astype(float)
            else:
                expected[key] = MOMENTUM * expected[key] + (1 - MOMENTUM) * w
    # Each expert was left alone by some step and not by another one.
    steps = trainer.state()["layer0.steps"]
    assert steps.min() < STEPS
    weights = weights_of(graph)
    trainer.swap_averages()
    for key, average in weights_of(graph).items():
        # A rounding of every step.
        np.testing.assert_allclose(average, expected[key], rtol=0, atol=1e-6)
    trainer.swap_averages()
    for key, w in weights_of(graph).items():
        np.testing.assert_array_equal(w, weights[key])


def test_an_expert_without_samples_is_not_read() -> None:
    found = []
    for filling in (0.5, np.nan):
        graph = make_graph()
        layer = graph.layers[0].native
        batch = graph.batch(60)
        chosen = layer.routing(batch.inputs[0])[1].reshape(-1)
        alone = int(np.argmin(np.bincount(chosen, minlength=4)))
        for each in layer.parameters():
            if each.per_expert:
                values = layer.get(each.name)
                values[alone] = filling
                layer.set(each.name, values)
        data = batch.dataset()
        trainer = graph.trainer(**RULES["adam"], ema_momentum=MOMENTUM, ema_overwrite_frequency=4)
        for sample in np.flatnonzero(chosen != alone)[:10]:
            trainer.train_step(data, np.array([sample]))
        # Predictions change by then, and samples may choose others: stop before they do.
        assert np.isfinite(trainer.train_step(data, np.array([sample]))[0])
        trainer.swap_averages()
        found.append(weights_of(graph))
    for key, value in found[0].items():
        other = found[1][key]
        same = np.isnan(other) | (value == other)
        assert same.all() and np.isnan(other).sum() == (value[alone].size if is_expert(key) else 0)


def is_expert(key: tuple[int, str]) -> bool:
    return key[0] == 0 and not key[1].startswith("router")


def model_and_data(optimizer: Any, **settings: Any) -> tuple[gw.Sequential, np.ndarray, np.ndarray]:
    gw.utils.set_random_seed(0)
    layer = gw.layers.SparseExpertLayer(6, 4, router=TopK(2), expert=MLP(8), **settings)
    model = gw.Sequential([gw.Input((5,)), layer, gw.layers.Dense(2)])
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 5)).astype(np.float32)
    return model, x, np.stack([x[:, 0] * x[:, 1], np.sin(x[:, 2])], axis=1)


class Watch(Callback):
    """Averages at the end of each epoch, seen by swapping."""

    def __init__(self) -> None:
        super().__init__()
        self.averages: list[np.ndarray] = []
        self.before_end: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.before_end = self.model.get_weights()
        self.model.optimizer.swap_ema_weights()
        self.averages = self.model.get_weights()
        self.model.optimizer.swap_ema_weights()

    def on_train_end(self, logs: Any = None) -> None:
        self.at_end = self.model.get_weights()


def test_fit_ends_with_the_averages_before_callbacks_see_its_end() -> None:
    model, x, y = model_and_data(gw.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8))
    watch = Watch()
    model.fit(x, y, epochs=3, verbose=0, callbacks=watch)
    for end, average, final in zip(watch.at_end, watch.averages, model.get_weights(), strict=True):
        np.testing.assert_array_equal(end, average)
        np.testing.assert_array_equal(end, final)
    assert any(
        np.abs(a - b).max() > 1e-3 for a, b in zip(watch.before_end, watch.at_end, strict=True)
    )


def test_train_on_batch_leaves_the_averages_until_they_are_asked_for() -> None:
    model, x, y = model_and_data(gw.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8))
    plain, *_ = model_and_data(gw.optimizers.SGD(0.1))
    for each in (model, plain):
        for begin in range(0, 64, 8):
            each.train_on_batch(x[begin : begin + 8], y[begin : begin + 8])
    for own, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    model.optimizer.swap_ema_weights()
    averages = model.get_weights()
    model.optimizer.swap_ema_weights()
    model.optimizer.finalize_variable_values()
    for own, other in zip(model.get_weights(), averages, strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_model_with_its_averages_does_not_train_and_keeps_them_at_the_end() -> None:
    model, x, y = model_and_data(gw.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8))

    class SwapOnce(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            model.optimizer.swap_ema_weights()
            self.seen = model.get_weights()

    swap = SwapOnce()
    model.fit(x, y, epochs=1, verbose=0, callbacks=swap)
    for own, seen in zip(model.get_weights(), swap.seen, strict=True):
        np.testing.assert_array_equal(own, seen)
    model.optimizer.swap_ema_weights()
    with pytest.raises(ValueError, match="train_step: expected the weights that are trained, got"):
        model.train_on_batch(x, y)
    model.optimizer.swap_ema_weights()
    model.train_on_batch(x, y)


def test_fit_begins_with_the_weights_that_are_trained(tmp_path: Path) -> None:
    """Also that of a model that was stored with its averages."""
    models = []
    for swaps in (False, True):
        model, x, y = model_and_data(gw.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8))
        model.train_on_batch(x, y)
        model.train_on_batch(x, y)
        if swaps:
            model.optimizer.swap_ema_weights()
            model.save(tmp_path / "model.gatewise")
            model = gw.load_model(tmp_path / "model.gatewise")
        model.fit(x, y, epochs=1, shuffle=False, verbose=0)
        models.append(model)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_swapping_needs_averages() -> None:
    model, x, y = model_and_data("adam")
    model.train_on_batch(x, y)
    with pytest.raises(ValueError, match="swap_ema_weights: expected an optimizer with use_ema="):
        model.optimizer.swap_ema_weights()
    with pytest.raises(ValueError, match="swap_ema_weights: expected an optimizer with use_ema="):
        model._state.trainer.swap_averages()
    model.compile(gw.optimizers.Adam(use_ema=True), "mse")
    with pytest.raises(ValueError, match="got one of no model in use"):
        model.optimizer.swap_ema_weights()
    before = model.get_weights()
    model.evaluate(x, y, verbose=0)
    model.optimizer.swap_ema_weights()  # no step so far: they are the weights
    for own, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("form", ["output sums", "bfloat16 products"])
def test_what_follows_from_weights_follows_their_averages(form: str) -> None:
    optimizer = gw.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8)
    if form == "output sums":
        gw.utils.set_random_seed(0)
        layer = gw.layers.SparseExpertLayer(2, 4, router=OutputSum(2), balance=None)
        model = gw.Sequential([gw.Input((5,)), layer])
        model.compile(optimizer, "mse")
        _, x, y = model_and_data("adam")
    else:
        model, x, y = model_and_data(optimizer, dtype="mixed_bfloat16")
    for begin in range(0, 64, 8):
        model.train_on_batch(x[begin : begin + 8], y[begin : begin + 8])
    copy = gw.Sequential.from_config(model.get_config())
    for _ in range(3):  # averages, weights, averages
        model.optimizer.swap_ema_weights()
        copy.set_weights(model.get_weights())
        np.testing.assert_array_equal(model.predict(x), copy.predict(x))
    model.optimizer.finalize_variable_values()
    np.testing.assert_array_equal(model.predict(x), copy.predict(x))


def test_penalties_follow_the_averages() -> None:
    gw.utils.set_random_seed(0)
    layer = gw.layers.Dense(3, kernel_regularizer=gw.regularizers.L2(0.5))
    model = gw.Sequential([gw.Input((5,)), layer])
    model.compile(gw.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9), "mse")
    x = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
    for _ in range(5):
        model.train_on_batch(x, np.ones((16, 3)))
    for _ in range(2):
        model.optimizer.swap_ema_weights()
        kernel = layer.get_weights()[0]
        error = np.mean((model.predict(x) - 1) ** 2)
        loss = model.evaluate(x, np.ones((16, 3)), verbose=0)
        assert loss == pytest.approx(error + 0.5 * np.sum(kernel**2), rel=1e-6)


@pytest.mark.parametrize("clipping", [{}, {"clipnorm": 0.1}])
@pytest.mark.parametrize("settings", [{}, {"num_experts": 4}, {"lazy_updates": True}], ids=str)
def test_averages_of_a_dictionary_follow_the_formula(
    settings: dict[str, Any], clipping: dict[str, float]
) -> None:
    """Also where gradients are measured and computed again."""
    layer = SparseDictionary(LATENTS, activation=TopKCode(4), seed=0, **settings)
    optimizer = gw.optimizers.Adam(0.02, use_ema=True, ema_momentum=MOMENTUM, **clipping)
    layer.compile(optimizer, "mse")
    x = sparse_sums()
    expected: list[np.ndarray] = []
    for step in range(6):
        layer.train_on_batch(x[10 * step : 10 * step + 10], x[10 * step : 10 * step + 10])
        weights = layer.get_weights()
        expected = [
            w if step == 0 else MOMENTUM * average + (1 - MOMENTUM) * w
            for w, average in zip(weights, expected or weights, strict=True)
        ]
    trained = [each.role != "state" for each in layer.parameters()]
    optimizer.swap_ema_weights()
    for is_trained, own, average in zip(trained, layer.get_weights(), expected, strict=True):
        if is_trained:
            np.testing.assert_allclose(own, average, rtol=0, atol=1e-6)


@pytest.mark.parametrize("settings", [{"tied": True}, {"num_experts": 4}, {"lazy_updates": True}])
def test_a_dictionary_of_averages_is_tied_and_has_unit_norms(settings: dict[str, Any]) -> None:
    layer = SparseDictionary(LATENTS, activation=TopKCode(4), seed=0, **settings)
    layer.compile(gw.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.9), "mse")
    x = sparse_sums()
    layer.fit(x, x, batch_size=50, epochs=3, verbose=0)
    norms = np.linalg.norm(layer.native.get("decoder"), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    if settings.get("tied"):
        np.testing.assert_array_equal(layer.native.get("encoder"), layer.native.get("decoder").T)
