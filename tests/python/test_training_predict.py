"""Predicting, testing, and single steps."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import gatewise as gw
from training_models import (
    WIDTH,
    assert_same_weights,
    make_data,
    make_expert_model,
    make_model,
    make_regressor,
)


def test_a_row_has_the_same_prediction_in_any_batch() -> None:
    x, _ = make_data(100)
    model = make_expert_model()
    whole = model.predict(x)
    for size in (1, 7, 32, 100):
        np.testing.assert_array_equal(model.predict(x, batch_size=size), whole)
    for row in (0, 41, 99):
        np.testing.assert_array_equal(model.predict(x[row : row + 1])[0], whole[row])


def test_predict_accepts_the_inputs_of_fit(tmp_path: Path) -> None:
    x, _ = make_data(100)
    model = make_model()
    whole = model.predict(x)
    np.save(tmp_path / "x.npy", x)
    for other in (
        x.astype(np.float64),
        np.asfortranarray(x),
        tmp_path / "x.npy",
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        [x],
    ):
        np.testing.assert_array_equal(model.predict(other), whole)
    np.testing.assert_allclose(model.predict(sparse.csr_array(x)), whole, rtol=1e-5)


def test_many_samples_are_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewise.training import predicting

    x, _ = make_data(1000)
    model = make_model()
    whole = model.predict(x)
    monkeypatch.setattr(predicting, "_PART_BYTES", 300 * 4 * WIDTH)
    np.testing.assert_array_equal(model.predict(x.astype(np.float64)), whole)


def test_steps_limits_the_samples() -> None:
    x, _ = make_data(100)
    model = make_model()
    np.testing.assert_array_equal(model.predict(x, batch_size=10, steps=3), model.predict(x)[:30])
    for steps in (1, 2, 9):  # so many batches of all rows
        assert model.predict(x, steps=steps).shape == (100, 3)


def test_results_of_predict_belong_to_the_caller() -> None:
    x, _ = make_data()
    model = make_model()
    first = model.predict(x)
    kept = first.copy()
    model.predict(-x)
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    np.testing.assert_array_equal(model.predict(x), kept)


def test_several_inputs_and_outputs_are_in_order() -> None:
    a, b = gw.Input(shape=(4,), name="a"), gw.Input(shape=(3,), name="b")
    joined = gw.layers.Concatenate()([a, b])
    model = gw.Model([a, b], [gw.layers.Dense(2)(joined), gw.layers.Dense(1)(b)])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(5, 4)), rng.normal(size=(5, 3))]
    outputs = model.predict(x)
    assert [output.shape for output in outputs] == [(5, 2), (5, 1)]
    named = model.predict({"b": x[1], "a": x[0]})
    for one, other in zip(outputs, named, strict=True):
        np.testing.assert_array_equal(one, other)
    model.compile("sgd", "mse")
    assert len(model.train_on_batch(x, [np.ones((5, 2)), np.ones(5)])) == 3


def test_a_model_predicts_with_a_layer_added_later() -> None:
    x, _ = make_data()
    model = make_model(compile=False)
    model.predict(x)
    model.add(gw.layers.Dense(7))
    assert model.predict(x).shape == (50, 7)
    model.pop()
    assert model.predict(x).shape == (50, 3)


def test_a_model_trains_a_layer_added_later() -> None:
    x, y = make_data()
    model = make_model()
    model.fit(x, y, verbose=0)
    model.add(gw.layers.Dense(5, activation="softmax"))
    model.fit(x, y + 2, verbose=0)
    assert model.evaluate(x, y + 2, verbose=0)[0] > 0


def test_predictions_from_several_threads_have_the_same_bits() -> None:
    x, _ = make_data(200)
    model = make_expert_model()
    whole = model.predict(x)
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.extend(model.predict(x) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    for result in results:
        np.testing.assert_array_equal(result, whole)


def test_predict_hooks_are_called_for_each_batch() -> None:
    x, _ = make_data()
    seen: list[Any] = []

    class Watcher(gw.callbacks.Callback):
        def on_predict_begin(self, logs: Any = None) -> None:
            seen.append("begin")

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append((batch, len(logs["outputs"])))

        def on_predict_end(self, logs: Any = None) -> None:
            seen.append("end")

    make_model().predict(x, batch_size=20, callbacks=[Watcher()])
    assert seen == ["begin", (0, 20), (1, 20), (2, 10), "end"]


def test_evaluate_returns_a_number_a_list_or_a_dict() -> None:
    x, y = make_data()
    model = make_model()
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert isinstance(make_regressor().evaluate(x, x[:, 0], verbose=0), float)
    assert accuracy == pytest.approx((model.predict(x).argmax(axis=1) == y).mean())


def test_evaluate_agrees_with_the_loss_of_keras() -> None:
    x, y = make_data()
    model = make_model()
    expected = -np.log(model.predict(x).astype(np.float64)[np.arange(50), y]).mean()
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(x, y, steps=3, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0)
    )
    assert model.evaluate(x, y, batch_size=7, steps=2, verbose=0)[0] == pytest.approx(
        model.evaluate(x[:14], y[:14], verbose=0)[0], rel=1e-5
    )


def test_test_hooks_are_called_for_each_batch() -> None:
    x, y = make_data()
    seen: list[int] = []
    hook = gw.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append(batch))
    make_model().evaluate(x, y, batch_size=20, verbose=0, callbacks=[hook])
    assert seen == [0, 1, 2]


def test_train_on_batch_in_order_equals_fit_without_shuffle() -> None:
    x, y = make_data()
    one, other = make_expert_model(), make_expert_model()
    one.fit(x, y, batch_size=10, shuffle=False, verbose=0)
    for first in range(0, 50, 10):
        batch = slice(first, first + 10)
        before = other.test_on_batch(x[batch], y[batch], return_dict=True)
        result = other.train_on_batch(x[batch], y[batch], return_dict=True)
        assert set(before) == set(result) == {"loss", "accuracy"}
    assert_same_weights(one, other)
    np.testing.assert_array_equal(other.predict_on_batch(x), other.predict(x))


def test_train_on_batch_accepts_weights() -> None:
    x, y = make_data()
    one, other = make_model(), make_model()
    one.train_on_batch(x, y, class_weight={1: 4.0})
    other.train_on_batch(x, y, sample_weight=np.array([1.0, 4.0, 1.0])[y])
    assert_same_weights(one, other)


def test_batches_of_sparse_samples_are_sized_by_their_nonzeros() -> None:
    from gatewise.data.parts import to_part

    x = sparse.random(100, 10_000, 0.01, "csr", np.float32)
    assert to_part(x, "x").sample_bytes == 8 + 8 * x.nnz // 100
    assert to_part(x.toarray(), "x").sample_bytes == 4 * 10_000
