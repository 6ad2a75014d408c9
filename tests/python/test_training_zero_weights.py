"""Rows of sample weight 0: training, tests and counts are those without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

import gatewise as gw

ROWS = np.random.default_rng(0).normal(size=(96, 6)).astype(np.float32)
LABELS = (np.arange(96) % 3).astype(np.int32)
IS_PADDING = np.arange(120) % 5 == 4
WEIGHTS = np.where(IS_PADDING, 0, 1).astype(np.float32)


def padded(rows: Any, value: float = 50.0) -> Any:
    """`rows` with a row of `value` after every four: a batch of 20 has 16 of them."""
    result = np.full((120, *rows.shape[1:]), value, rows.dtype)
    result[~IS_PADDING] = rows
    return result


def autoencoder(**settings: Any) -> gw.SparseAutoencoder:
    settings = {"activation": gw.TopK(3), **settings}
    model = gw.SparseAutoencoder(24, input_dim=6, seed=1, **settings)
    model.compile(gw.optimizers.Adam(0.01))
    return model


def state(model: gw.SparseAutoencoder, name: str) -> Any:
    return model.dictionary.native.get(name)


SETTINGS: list[dict[str, Any]] = [
    {"activation": gw.TopK(3), "auxk": gw.AuxK(k=4)},
    {"activation": gw.BatchTopK(3)},
    {"activation": gw.BatchTopK(3), "prefixes": [6, 12]},
    {"activation": gw.JumpReLU(target_l0=4)},
    {"activation": gw.ReLU(l1=0.05)},
    {"activation": gw.ReLU(target_l0=3)},
    {"activation": gw.Gated(l1=0.05)},
    {"activation": gw.KL(0.1, 0.3), "hidden": [8]},
]


@pytest.mark.filterwarnings("ignore::gatewise.DenseCodesWarning")
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: str(each["activation"]))
def test_an_autoencoder_trains_as_without_rows_of_weight_0(settings: dict[str, Any]) -> None:
    fixed = {"center": False, "scale": False, "revive": False}
    one, other = autoencoder(**settings, **fixed), autoencoder(**settings, **fixed)
    losses = one.fit(
        padded(ROWS), sample_weight=WEIGHTS, batch_size=20, shuffle=False, epochs=6, verbose=0
    ).history["loss"]
    expected = other.fit(ROWS, batch_size=16, shuffle=False, epochs=6, verbose=0).history["loss"]
    assert losses == expected
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("center", ["mean", "geometric_median"])
def test_sample_weights_weigh_centre_and_scale(center: Any) -> None:
    counts = np.random.default_rng(1).integers(0, 4, len(ROWS))
    one, other = autoencoder(center=center), autoencoder(center=center)
    one.fit(ROWS, sample_weight=counts.astype(np.float32), verbose=0)
    other.fit(np.repeat(ROWS, counts, axis=0), verbose=0)
    np.testing.assert_allclose(state(one, "center"), state(other, "center"), atol=1e-5)
    assert state(one, "scale") == pytest.approx(state(other, "scale"), rel=1e-5)


def test_rows_of_weight_0_do_not_take_part_in_standardization_of_a_first_batch() -> None:
    def batches() -> Any:
        yield padded(ROWS), padded(ROWS), WEIGHTS

    one, other, third = autoencoder(), autoencoder(), autoencoder()
    one.fit(batches(), verbose=0)
    other.train_on_batch(padded(ROWS), sample_weight=WEIGHTS)
    third.standardize(ROWS)
    np.testing.assert_allclose(state(one, "center"), state(third, "center"), atol=1e-6)
    np.testing.assert_allclose(state(other, "center"), state(third, "center"), atol=1e-6)


def test_padding_does_not_take_the_budget_of_batch_top_k() -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(16, 24))
    codes = np.where(rng.random((2000, 16)) < 0.15, rng.random((2000, 16)) + 0.5, 0)
    rows = (codes @ directions).astype(np.float32)
    with_padding = np.concatenate([rows, rng.normal(0, 100, (500, 24)).astype(np.float32)])
    weights = np.repeat([1.0, 0.0], [2000, 500])

    def unexplained(x: Any, sample_weight: Any) -> float:
        model = gw.SparseAutoencoder(24, activation=gw.BatchTopK(3), seed=0)
        model.compile(gw.optimizers.Adam(3e-3))
        model.fit(x, sample_weight=sample_weight, epochs=20, batch_size=100, verbose=0)
        return float(model.measure(rows)["fvu"])

    alone = unexplained(rows, None)
    assert unexplained(with_padding, weights) < 1.3 * alone


def expert_model(balance: Any, metrics: Any = None) -> gw.models.Sequential:
    layers = [
        gw.SparseExpertLayer(8, num_experts=5, k=2, balance=balance, activation="tanh", seed=3),
        gw.layers.Dense(3, activation="softmax", seed=4),
    ]
    model = gw.models.Sequential([gw.layers.Input((6,)), *layers])
    model.compile(gw.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=metrics)
    return model


BALANCE = [gw.balance.AuxLoss(0.5), gw.balance.ZLoss(0.1), gw.balance.Bias(0.1)]


def test_routers_count_only_rows_that_weigh() -> None:
    one, other = expert_model(BALANCE), expert_model(BALANCE)
    one.fit(
        padded(ROWS),
        padded(LABELS, 0),
        sample_weight=WEIGHTS,
        batch_size=20,
        shuffle=False,
        epochs=3,
        verbose=0,
    )
    other.fit(ROWS, LABELS, batch_size=16, shuffle=False, epochs=3, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    load = one.layers[0].load_
    assert load is not None
    assert load.rows.sum() == 2 * len(ROWS)
    np.testing.assert_array_equal(load.rows, other.layers[0].load_.rows)  # type: ignore[union-attr]


def test_balance_terms_are_means_over_rows_that_weigh() -> None:
    one = expert_model(BALANCE)
    weighted = one.evaluate(
        padded(ROWS), padded(LABELS, 0), sample_weight=WEIGHTS, batch_size=20, verbose=0
    )
    loss = one.evaluate(ROWS, LABELS, batch_size=16, verbose=0)
    plain = expert_model(None)
    plain.set_weights([each for each in one.get_weights() if each.shape != (5,)])
    data_loss = plain.evaluate(ROWS, LABELS, batch_size=16, verbose=0)
    # As in Keras, the loss of the data is a sum divided by all samples.
    assert weighted == pytest.approx(loss - data_loss + data_loss * 96 / 120, rel=1e-5)


def test_metrics_see_all_rows_as_in_keras() -> None:
    model = expert_model(None, ["accuracy"])
    weights = np.ones(96, np.float32)
    weights[8:64] = 0
    expected = model.evaluate(ROWS, LABELS, verbose=0)[1]
    found = model.evaluate(ROWS, LABELS, sample_weight=weights, batch_size=32, verbose=0)[1]
    history = model.fit(ROWS, LABELS, sample_weight=weights, batch_size=32, verbose=0).history
    assert found == pytest.approx(expected)
    assert history["accuracy"][0] == pytest.approx(expected)


def test_a_step_without_a_row_that_weighs_changes_nothing() -> None:
    model = gw.models.Sequential(
        [gw.layers.Input((6,)), gw.layers.Dense(3, kernel_regularizer=gw.regularizers.L2(0.1))]
    )
    model.compile("adam", "mse")
    targets = np.ones((96, 3), np.float32)
    model.train_on_batch(ROWS, targets)
    before, steps = model.get_weights(), model.optimizer.iterations
    with pytest.warns(UserWarning, match="all weights are 0"):
        loss = model.train_on_batch(ROWS, targets, sample_weight=np.zeros(96))
    assert loss == pytest.approx(0.1 * float(np.square(before[0]).sum()), rel=1e-5)
    assert model.optimizer.iterations == steps
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_row_with_a_weight_for_one_of_two_outputs_counts() -> None:
    x = gw.layers.Input((6,))
    model = gw.models.Model(
        x, [gw.layers.Dense(1, name="a", seed=0)(x), gw.layers.Dense(1, name="b", seed=1)(x)]
    )
    model.compile("sgd", "mse")
    y = np.ones((96, 1), np.float32)
    only_a = [np.ones(96, np.float32), np.zeros(96, np.float32)]
    with pytest.warns(UserWarning, match="all weights are 0"):
        losses = model.test_on_batch(ROWS, [y, y], only_a)
    assert losses[0] == pytest.approx(losses[1])
    assert losses[1] > 0
    assert losses[2] == 0


def test_sample_weights_of_rows_are_those_of_separate_samples() -> None:
    rows = np.random.default_rng(5).normal(size=(12, 8, 6)).astype(np.float32)
    labels = np.random.default_rng(6).integers(0, 3, (12, 8))
    weights = np.random.default_rng(7).integers(0, 3, (12, 8)).astype(np.float32)

    def fitted(shape: tuple[int, ...], x: Any, y: Any, w: Any, batch_size: int) -> Any:
        model = gw.models.Sequential(
            [gw.layers.Input(shape), gw.SparseExpertLayer(3, num_experts=4, k=2, seed=0)]
        )
        loss = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        history = model.fit(
            x, y, sample_weight=w, batch_size=batch_size, shuffle=False, epochs=3, verbose=0
        )
        return history.history, model.get_weights()

    history, found = fitted((8, 6), rows, labels, weights, 4)
    flat_history, expected = fitted(
        (6,), rows.reshape(96, 6), labels.reshape(96), weights.reshape(96), 32
    )
    assert history["loss"] == pytest.approx(flat_history["loss"])
    assert history["accuracy"] == pytest.approx(flat_history["accuracy"])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sample_weights_of_another_shape_are_refused() -> None:
    model = gw.models.Sequential([gw.layers.Input((8, 6)), gw.layers.Dense(1)])
    model.compile("sgd", "mse")
    message = (
        r"sample_weight: expected .* shape \(4,\), or one per row, shape \(4, 8\), got \(4, 7\)"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((4, 8, 6)), np.ones((4, 8, 1)), sample_weight=np.ones((4, 7)), verbose=0)


def test_an_encoder_is_fitted_without_rows_of_weight_0() -> None:
    def fitted(fit: Callable[[gw.SparseCodeExperts], object]) -> Any:
        model = gw.SparseCodeExperts(PCA(2), 3, num_experts=2, k=1, seed=0)
        model.compile("adam", "mse")
        fit(model)
        return model.encoder.components_

    y = np.ones((120, 3), np.float32)
    found = fitted(lambda m: m.fit(padded(ROWS), y, sample_weight=WEIGHTS, verbose=0))
    expected = fitted(lambda m: m.fit(ROWS, y[:96], verbose=0))
    np.testing.assert_allclose(found, expected, atol=1e-5)
