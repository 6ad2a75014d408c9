"""Functions of the user as losses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

ROWS, WIDTH, UNITS = 20, 5, 3
RNG = np.random.default_rng(3)
X = RNG.normal(size=(ROWS, WIDTH)).astype(np.float32)
Y = RNG.normal(size=(ROWS, UNITS)).astype(np.float32)
LABELS = RNG.integers(0, UNITS, ROWS)
WEIGHTS = RNG.uniform(0.5, 2.0, ROWS).astype(np.float32)


def squares(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """The mean squared error and its gradient."""
    error = y_pred - y_true
    return (error**2).mean(axis=1), 2 * error / error.shape[1]


def make_model(loss: Any, units: int = UNITS, **settings: Any) -> gw.Sequential:
    gw.utils.set_random_seed(0)
    layers = [gw.layers.Dense(8, activation="tanh"), gw.layers.Dense(units)]
    model = gw.Sequential([gw.Input((WIDTH,)), *layers])
    model.compile(gw.optimizers.Adam(0.01), loss, **settings)
    return model


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_a_function_trains_as_the_loss_that_it_computes(reduction: str, weights: Any) -> None:
    results = []
    for loss in (
        gw.losses.LossFunctionWrapper(squares, reduction),
        gw.losses.MeanSquaredError(reduction),
    ):
        model = make_model(loss, metrics=["mae"])
        history = model.fit(X, Y, epochs=3, batch_size=8, sample_weight=weights, verbose=0)
        tested = model.evaluate(X, Y, sample_weight=weights, verbose=0)
        results.append([*history.history["loss"], *history.history["mae"], *tested])
    # NumPy and the core add four float32 values in other orders.
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


def test_a_function_is_called_once_for_each_step_with_all_rows() -> None:
    calls: list[tuple[Any, Any]] = []

    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        calls.append((y_true, y_pred))
        return squares(y_true, y_pred)

    model = make_model(loss)
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert [len(y_true) for y_true, _ in calls] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate([y_true for y_true, _ in calls]), Y)
    outputs = model.predict(X)
    calls.clear()
    model.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(calls[0][1], outputs)
    assert calls[0][0].dtype == calls[0][1].dtype == np.float32


def test_rows_of_weight_0_are_not_given_to_a_function() -> None:
    sizes = []

    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        sizes.append(len(y_true))
        return squares(y_true, y_pred)

    weights = np.where(np.arange(ROWS) < 6, 0.0, 1.0)
    make_model(loss).fit(X, Y, batch_size=ROWS, sample_weight=weights, verbose=0)
    assert sizes == [ROWS - 6]


def cross_entropy(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    p = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(p)), y_true]), p - np.eye(p.shape[1])[y_true]


def test_a_function_may_compare_with_class_indices() -> None:
    logits = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = []
    for loss in (cross_entropy, logits):
        model = make_model(loss, metrics=["sparse_categorical_accuracy"])
        history = model.fit(
            X, LABELS, epochs=2, shuffle=False, class_weight={1: 3.0}, verbose=0
        ).history
        losses.append([history["loss"], history["sparse_categorical_accuracy"]])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)  # float32


@pytest.mark.parametrize("width", [1, 2, 7])
def test_a_function_may_compare_with_rows_of_another_width(width: int) -> None:
    y = RNG.normal(size=(ROWS, width))

    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        assert y_true.shape == (len(y_pred), width)
        return squares(y_true.sum(axis=1, keepdims=True), y_pred)

    model = make_model(loss)
    expected = squares(y.sum(axis=1, keepdims=True), model.predict(X))[0].mean()
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-5)  # float32
    model.compile("sgd", loss, metrics=["mae"])
    with pytest.raises(ValueError, match="y: expected rows of 3 values for the metrics, got"):
        model.evaluate(X, y, verbose=0)


def test_targets_of_one_unit_may_have_one_axis() -> None:
    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        assert y_true.shape == y_pred.shape == (len(y_pred), 1)
        return squares(y_true, y_pred)

    assert np.isfinite(make_model(loss, units=1).evaluate(X, Y[:, 0], verbose=0))


def test_each_output_may_have_a_function() -> None:
    x = gw.Input((WIDTH,))
    outputs = [gw.layers.Dense(2, name=name)(x) for name in ("a", "b")]
    model = gw.Model(x, outputs)
    y = [Y[:, :2], Y[:, 1:]]
    results = []
    for loss in ({"a": squares, "b": "mse"}, ["mse", squares], squares, "mse"):
        model.compile("sgd", loss, loss_weights=[1.0, 2.0])
        results.append(model.evaluate(X, y, verbose=0))
    for each in results:
        np.testing.assert_allclose(each, results[-1], rtol=1e-5)  # float32


def test_the_rows_of_an_ensemble_are_those_of_all_members() -> None:
    def make(loss: Any) -> gw.Sequential:
        gw.utils.set_random_seed(0)
        layers = [gw.layers.MemberScale(3), gw.layers.Dense(UNITS)]
        model = gw.Sequential([gw.Input((WIDTH,)), *layers])
        model.compile("sgd", loss)
        return model

    sizes = []

    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        sizes.append(len(y_pred))
        return squares(y_true, y_pred)

    results = [make(each).train_on_batch(X, Y) for each in (loss, "mse")]
    assert sizes == [3 * ROWS]
    assert results[0] == pytest.approx(results[1], rel=1e-5)  # float32


class StopError(Exception):
    """An error of the user's."""


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt])
def test_an_error_in_a_function_leaves_the_model_as_before_the_step(error: Any) -> None:
    calls = 0

    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise error("third")
        return squares(y_true, y_pred)

    model, reference = make_model(loss), make_model(squares)
    with pytest.raises(error, match="third"):
        model.fit(X, Y, batch_size=5, shuffle=False, verbose=0)
    reference.fit(X[:10], Y[:10], batch_size=5, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.iterations == 2
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda p: (p**2).mean(axis=1), r"got values alone: an array of shape \(20,\) of loss"),
        (lambda p: np.float32(1), "got values alone: float32 of loss"),
        (lambda p: (p, p), r"got values \(20, 3\) and gradient \(20, 3\) of loss for y_pred"),
        (lambda p: (p[:, 0], p[0]), r"got values \(20,\) and gradient \(3,\) of loss for y_pred"),
    ],
)
def test_a_function_that_returns_something_else_is_refused(found: Any, message: str) -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return found(y_pred)

    model = make_model(loss)
    before = model.get_weights()
    form = r"loss: expected a function \(y_true, y_pred\) -> \(values \(n,\), gradient \(n, u\)\), "
    with pytest.raises(ValueError, match=form + message):
        model.fit(X, Y, verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"loss: expected a function .*, got 3"):
        gw.losses.LossFunctionWrapper(3)


def test_targets_that_fit_no_rows_are_refused() -> None:
    model = make_model(squares)
    with pytest.raises(ValueError, match="y: expected targets of shape"):
        model.evaluate(X, Y.reshape(ROWS, 1, UNITS), verbose=0)
    with pytest.raises(ValueError, match="y: expected integer class indices, got"):
        model.evaluate(X, Y[:, 0], verbose=0)
    with pytest.raises(ValueError, match="class_weight: expected rows with one positive target"):
        model.fit(X, Y, class_weight={0: 1.0}, verbose=0)


def test_a_wrapper_passes_arguments_and_can_be_called_on_arrays() -> None:
    def scaled(y_true: Any, y_pred: Any, factor: float) -> tuple[Any, Any]:
        values, gradient = squares(y_true, y_pred)
        return factor * values, factor * gradient

    loss = gw.losses.LossFunctionWrapper(scaled, "sum", name="own", factor=2.0)
    assert loss.name == "own" and gw.losses.get(squares).name == "squares"
    expected = 2 * gw.losses.MeanSquaredError("sum")(Y, Y + 1)
    assert loss(Y, Y + 1) == pytest.approx(expected, rel=1e-6)  # float32
    assert loss(Y, Y + 1, np.full(ROWS, 0.5)) == pytest.approx(expected / 2, rel=1e-6)
    restored = gw.losses.LossFunctionWrapper.from_config(loss.get_config())
    assert restored(Y, Y + 1) == loss(Y, Y + 1)
    assert make_model(loss).evaluate(X, Y, verbose=0) > 0


def test_a_function_may_use_the_package() -> None:
    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        values = gw.losses.mean_squared_error(y_true, y_pred)
        return values, squares(y_true, y_pred)[1]

    x = RNG.normal(size=(4000, WIDTH)).astype(np.float32)
    y = x[:, :UNITS]
    # Several ranges of a step are shared by threads, which stand by in the function.
    results = [
        make_model(each).fit(x, y, batch_size=2000, epochs=2, verbose=0) for each in (loss, "mse")
    ]
    np.testing.assert_allclose(
        results[0].history["loss"],
        results[1].history["loss"],
        rtol=1e-5,  # float32
    )


def test_a_function_gives_the_same_bits_on_any_number_of_threads() -> None:
    x = RNG.normal(size=(3000, WIDTH)).astype(np.float32)
    weights = []
    try:
        for threads in (1, 2):
            gw.set_num_threads(threads)
            model = make_model(squares)
            model.fit(x, x[:, :UNITS], batch_size=1500, epochs=2, verbose=0)
            weights.append(model.get_weights())
    finally:
        gw.set_num_threads(None)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_function_cannot_use_the_model_that_is_trained() -> None:
    def loss(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        model.train_on_batch(X, Y)
        return squares(y_true, y_pred)

    model = make_model(loss)
    with pytest.raises(RuntimeError, match="another call is at work on this model"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", squares)
    assert np.isfinite(model.train_on_batch(X, Y))


def test_a_model_with_a_function_is_saved_without_its_compile_settings(tmp_path: Path) -> None:
    model = make_model(squares)
    model.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="save: expected losses and metrics of .*, got sq"):
        model.save(tmp_path / "model.gatewise")
    loaded = gw.load_model(tmp_path / "model.gatewise")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert model.compiled and model.get_compile_config()["loss"].fn is squares
    with pytest.warns(UserWarning, match="compile the model again"):
        assert not copy.deepcopy(model).compiled


def test_a_training_with_a_function_is_continued_from_a_checkpoint(tmp_path: Path) -> None:
    whole = make_model(squares)
    whole.fit(X, Y, batch_size=5, epochs=4, verbose=0)

    class Crash(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.model.optimizer.iterations == 6:
                raise StopError

    def backup() -> gw.callbacks.BackupAndRestore:
        return gw.callbacks.BackupAndRestore(tmp_path / "b", save_freq=1)

    with pytest.raises(StopError):
        make_model(squares).fit(
            X, Y, batch_size=5, epochs=4, callbacks=[backup(), Crash()], verbose=0
        )
    resumed = make_model(squares)
    resumed.fit(X, Y, batch_size=5, epochs=4, callbacks=[backup()], verbose=0)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_cross_validation_trains_copies_with_the_function() -> None:
    result = gw.compare({"own": make_model(squares)}, X, Y, cv=2, epochs=2)
    assert np.isfinite(result.scores).all()
