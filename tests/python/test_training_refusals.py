"""Every wrong use of `fit`, `evaluate` and `predict` is refused before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import gatewise as gw
from gatewise import _core
from training_models import assert_same_weights, make_data, make_model

X, Y = make_data()


def with_nonfinite(row: int = 7, column: int = 3, value: float = np.nan) -> np.ndarray:
    x = X.copy()
    x[row, column] = value
    return x


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            (with_nonfinite(), Y),
            ValueError,
            "x: expected finite numbers, got nan at row 7, column 3",
        ),
        ((with_nonfinite(value=-np.inf), Y), ValueError, "got -inf at row 7, column 3"),
        ((X[:, :5], Y), ValueError, r"x: expected shape \(n, 6\), got \(50, 5\)"),
        ((X[:0], Y[:0]), ValueError, r"x: expected at least one sample, got shape \(0, 6\)"),
        ((X, Y[:49]), ValueError, "y: expected 50 samples as in x, got 49"),
        ((X, Y + 1), ValueError, r"y: expected labels from 0 to 2 \(3 classes\), got 3 at row"),
        ((X, Y - 1), ValueError, r"y: expected labels from 0 to 2 \(3 classes\), got -1 at row"),
        ((X, Y + 0.5), ValueError, "y: expected integer class indices, got"),
        ((X, np.eye(3)[Y]), ValueError, "one-hot targets go with loss='categorical_crossentropy'"),
        ((X.astype(complex), Y), TypeError, "x: expected an array of float, int or bool numbers"),
        ((X.astype(object), Y), TypeError, "x: .*got dtype object"),
        ((X.astype(str), Y), TypeError, "x: .*got dtype <U"),
        ((X.tolist(), Y), TypeError, "x: expected an array, got list; use np.asarray"),
        ((X, None), ValueError, "y: expected targets, got None"),
        ((None, Y), TypeError, "x: expected an array, got NoneType"),
        ((X, sparse.csr_array(X)), TypeError, "y: expected a dense array, got a sparse matrix"),
        ((sparse.csr_array(X[:, :5]), Y), ValueError, "got a sparse matrix"),
    ],
)
@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_wrong_data_are_refused_and_leave_the_model_unchanged(
    call: str, data: tuple[Any, Any], error: type[Exception], message: str
) -> None:
    model, untouched = make_model(), make_model()
    with pytest.raises(error, match=message):
        getattr(model, call)(*data)
    assert_same_weights(model, untouched)
    assert model.optimizer.iterations == 0
    model.fit(X, Y, verbose=0)
    untouched.fit(X, Y, verbose=0)
    assert_same_weights(model, untouched)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer >= 1, got 0"),
        ({"batch_size": 1.5}, TypeError, "batch_size: expected an integer"),
        ({"epochs": -1}, ValueError, "epochs: expected an integer >= 0, got -1"),
        ({"epochs": "3"}, TypeError, "epochs: expected an integer"),
        ({"initial_epoch": 2}, ValueError, r"initial_epoch: expected at most epochs \(1\), got 2"),
        ({"verbose": 3}, ValueError, "verbose: expected 0, 1, 2 or 'auto', got 3"),
        ({"shuffle": "batch"}, TypeError, "shuffle: expected True or False, got 'batch'"),
        ({"steps_per_epoch": 0}, ValueError, "steps_per_epoch: expected an integer >= 1"),
        ({"validation_steps": -1}, ValueError, "validation_steps: expected an integer >= 1"),
        ({"validation_batch_size": 0}, ValueError, "validation_batch_size: expected an integer"),
        ({"validation_freq": 0}, ValueError, "validation_freq: expected an integer >= 1"),
        ({"validation_split": 1.0}, ValueError, "validation_split: expected 0 <= value < 1"),
        ({"validation_split": 0.999}, ValueError, "validation_split: expected samples for"),
        ({"validation_data": X}, TypeError, r"validation_data: expected \(x, y\) or"),
        ({"validation_data": (X, Y + 9)}, ValueError, "validation y: expected labels from 0 to 2"),
        (
            {"validation_data": (with_nonfinite(), Y)},
            ValueError,
            "validation x: .* got nan at row 7",
        ),
        ({"callbacks": "early"}, TypeError, "callbacks: expected Callback objects .* got str"),
        (
            {"callbacks": gw.callbacks.EarlyStopping},
            TypeError,
            r"callbacks: .* expected EarlyStopping\(\)",
        ),
        ({"class_weight": {9: 1.0}}, ValueError, r"class_weight: expected keys from 0 to 2"),
        ({"sample_weight": np.ones(49)}, ValueError, "sample_weight: expected 50 samples as in x"),
        (
            {"sample_weight": np.ones((50, 2))},
            ValueError,
            r"sample_weight: expected one number per sample, shape \(50,\), got \(50, 2\)",
        ),
        (
            {"sample_weight": np.full(50, np.nan)},
            ValueError,
            "sample_weight: expected finite numbers, got nan at row 0",
        ),
    ],
)
def test_wrong_arguments_of_fit_are_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    model, untouched = make_model(), make_model()
    with pytest.raises(error, match=message):
        model.fit(X, Y, **{"verbose": 0, **options})
    assert_same_weights(model, untouched)
    assert model.optimizer.iterations == 0 and model.history is None


def test_rows_of_the_validation_split_are_checked_before_training() -> None:
    model = make_model()
    with pytest.raises(ValueError, match="x: expected finite numbers, got nan at row 47, column 3"):
        model.fit(with_nonfinite(row=47), Y, validation_split=0.2, verbose=0)
    assert model.optimizer.iterations == 0


def test_unknown_arguments_are_refused_by_python() -> None:
    with pytest.raises(TypeError, match="workers"):
        make_model().fit(X, Y, workers=2)


@pytest.mark.parametrize("bad", [with_nonfinite(), X[:0], X.astype(complex)])
def test_refused_data_do_not_build_a_model(bad: np.ndarray) -> None:
    model = gw.Sequential([gw.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises((ValueError, TypeError)):
        model.fit(bad, Y)
    with pytest.raises((ValueError, TypeError)):
        model.predict(bad)
    assert not model.built


def test_a_file_with_nan_leaves_the_model_as_after_the_last_step(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", with_nonfinite())
    model = make_model()
    with pytest.raises(ValueError, match="x: expected finite numbers, got nan at row 7, column 3"):
        model.fit(tmp_path / "x.npy", Y, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (with_nonfinite(), ValueError, "x: expected finite numbers, got nan at row 7, column 3"),
        (with_nonfinite().astype(np.float64), ValueError, "got nan at row 7, column 3"),
        (X[:, :5], ValueError, r"x: expected shape \(n, 6\), got \(50, 5\)"),
        (X[0], ValueError, r"got \(6,\); one sample is x\[np.newaxis\]"),
        (X[:0], ValueError, "x: expected at least one sample"),
        (X.astype(complex), TypeError, "x: expected an array of float, int or bool"),
        ("no such file.npy", FileNotFoundError, "no such file"),
    ],
)
def test_wrong_data_of_predict_are_refused(x: Any, error: type[Exception], message: str) -> None:
    model = make_model()
    for _ in range(2):  # The second call takes the fast path.
        with pytest.raises(error, match=message):
            model.predict(x)
        model.predict(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected an integer >= 1"),
        ({"steps": 0}, "steps: expected an integer >= 1"),
        ({"verbose": 5}, "verbose: expected 0, 1, 2 or 'auto', got 5"),
    ],
)
def test_wrong_arguments_of_predict_and_evaluate_are_refused(
    options: dict[str, Any], message: str
) -> None:
    model = make_model()
    model.predict(X)
    with pytest.raises(ValueError, match=message):
        model.predict(X, **options)
    with pytest.raises(ValueError, match=message):
        model.evaluate(X, Y, **options)


def test_an_unbuilt_model_has_no_metrics_names() -> None:
    model = gw.Sequential([gw.layers.Dense(3)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="expected a built model"):
        _ = model.metrics_names


def test_fit_during_another_call_is_refused() -> None:
    model = make_model()

    class RefitCallback(gw.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.fit(X, Y, verbose=0)

    with pytest.raises(RuntimeError):
        model.fit(X, Y, verbose=0, callbacks=[RefitCallback()])
    model.fit(X, Y, verbose=0)


def test_a_bad_first_batch_does_not_build_a_model() -> None:
    model = gw.Sequential([gw.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="x: expected finite numbers, got nan at row 7, column 3"):
        model.fit(iter([(with_nonfinite(), Y)]))
    assert not model.built


@pytest.mark.parametrize("label", [-1, 3])
def test_the_core_refuses_labels_out_of_range(label: int) -> None:
    labels = Y.astype(np.int32)
    labels[4] = label
    trainer = make_model()._training.prepare_trainer()
    data = _core.Dataset([X], [labels], [None])
    with pytest.raises(ValueError, match=f"y: expected labels from 0 to 2, got {label}"):
        trainer.train_step(data, np.arange(2))


def test_the_core_refuses_nan_sample_weights() -> None:
    weights = np.ones(len(X), np.float32)
    weights[5] = np.nan
    with pytest.raises(ValueError, match=r"sample_weight: .* got nan at row 5"):
        _core.Dataset([X], [Y.astype(np.int32)], [weights])
