"""Losses as objects and functions of arrays, their names, reductions and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise import losses

# Keras' names of each class.
NAMES = {
    "BinaryCrossentropy": ("binary_crossentropy", "bce", "BCE"),
    "BinaryFocalCrossentropy": ("binary_focal_crossentropy",),
    "CategoricalCrossentropy": ("categorical_crossentropy",),
    "CategoricalFocalCrossentropy": ("categorical_focal_crossentropy",),
    "CategoricalHinge": ("categorical_hinge",),
    "CosineSimilarity": ("cosine_similarity",),
    "Hinge": ("hinge",),
    "Huber": ("huber",),
    "KLDivergence": ("kl_divergence", "kld", "KLD", "kullback_leibler_divergence"),
    "LogCosh": ("log_cosh", "logcosh"),
    "MeanAbsoluteError": ("mean_absolute_error", "mae", "MAE"),
    "MeanAbsolutePercentageError": ("mean_absolute_percentage_error", "mape", "MAPE"),
    "MeanSquaredError": ("mean_squared_error", "mse", "MSE"),
    "MeanSquaredLogarithmicError": ("mean_squared_logarithmic_error", "msle", "MSLE"),
    "Poisson": ("poisson",),
    "SparseCategoricalCrossentropy": ("sparse_categorical_crossentropy",),
    "SquaredHinge": ("squared_hinge",),
}
ONE_HOT = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
OUTPUTS = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1], [0.5, 0.2, 0.3]], np.float32)
SETTINGS = {
    "Huber": {"delta": 2.0},
    "BinaryCrossentropy": {"from_logits": True, "label_smoothing": 0.1},
    "BinaryFocalCrossentropy": {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.0},
    "CategoricalFocalCrossentropy": {"alpha": [0.1, 0.2, 0.3], "gamma": 1.0},
    "SparseCategoricalCrossentropy": {"ignore_class": -1},
}


def targets_of(name: str) -> np.ndarray:
    return ONE_HOT.argmax(axis=1) if name.startswith("Sparse") else ONE_HOT


@pytest.mark.parametrize("name", NAMES)
def test_each_name_of_keras_gives_the_loss(name: str) -> None:
    kind = getattr(losses, name)
    for each in (name, *NAMES[name]):
        assert type(losses.get(each)) is kind
    assert type(losses.get(kind)) is kind
    assert type(losses.get(getattr(losses, NAMES[name][0]))) is kind
    assert NAMES.keys() == {kind.__name__ for kind in losses.FUNCTIONS.values()}


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_restores_a_loss(name: str) -> None:
    settings = SETTINGS.get(name, {})
    loss = getattr(losses, name)(reduction="sum", name="own", **settings)
    restored = losses.get(losses.serialize(loss))
    assert restored.get_config() == loss.get_config()
    assert loss.get_config().items() >= {"name": "own", "reduction": "sum", **settings}.items()
    targets = targets_of(name)
    assert restored(targets, OUTPUTS) == loss(targets, OUTPUTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_gives_the_loss_of_each_row(name: str) -> None:
    targets = targets_of(name)
    rows = getattr(losses, NAMES[name][0])(targets, OUTPUTS)
    assert rows.shape == (4,) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows, getattr(losses, name)(reduction=None)(targets, OUTPUTS))
    inner = getattr(losses, NAMES[name][0])(
        targets.reshape(2, 2, *targets.shape[1:]), OUTPUTS.reshape(2, 2, 3)
    )
    np.testing.assert_array_equal(inner, rows.reshape(2, 2))


def test_settings_of_a_function_are_those_of_its_class() -> None:
    for function, arguments in (
        (losses.huber, {"delta": 0.1}),
        (losses.binary_crossentropy, {"from_logits": True, "label_smoothing": 0.3}),
        (losses.categorical_crossentropy, {"from_logits": True, "label_smoothing": 0.3}),
        (losses.binary_focal_crossentropy, {"gamma": 1.0, "from_logits": True}),
        (losses.categorical_focal_crossentropy, {"alpha": 0.5, "gamma": 1.0}),
        (losses.cosine_similarity, {"axis": -1}),
    ):
        loss = losses.FUNCTIONS[function](reduction="none", **arguments)
        np.testing.assert_array_equal(
            function(ONE_HOT, OUTPUTS, **arguments), loss(ONE_HOT, OUTPUTS)
        )
    found = losses.sparse_categorical_crossentropy([0, 9, 1, 1], OUTPUTS, ignore_class=9)
    np.testing.assert_allclose(found, -np.log([0.7, 1.0, 0.8, 0.2]), rtol=1e-6)  # float32


def test_arrays_with_and_without_a_last_axis_of_one_are_compared_as_in_keras() -> None:
    loss = gw.losses.MeanSquaredError()
    assert loss([1.0, 2.0], [[1.0], [4.0]]) == loss([[1.0], [2.0]], [1.0, 4.0]) == 2
    assert loss([1.0, 2.0], [1.0, 4.0]) == 2
    assert np.shape(losses.mean_squared_error([1.0, 2.0], [1.0, 4.0])) == ()
    assert gw.losses.SparseCategoricalCrossentropy()([[1], [0]], [[0.0, 1.0], [1.0, 0.0]]) < 1e-6


def test_weights_are_those_of_samples_or_of_rows() -> None:
    y_true, y_pred = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)
    loss = gw.losses.MeanAbsoluteError(reduction="sum")
    assert loss(y_true, y_pred, [1.0, 10.0]) == 0 + 1 + 2 + 10 * (3 + 4 + 5)
    assert loss(y_true, y_pred, [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) == 1 + 5
    mean = gw.losses.MeanAbsoluteError(reduction="mean_with_sample_weight")
    assert mean(y_true, y_pred, [0.0, 2.0]) == 4
    assert mean(y_true, y_pred, [0.0, 0.0]) == 0


def test_a_loss_of_no_rows_is_an_empty_array_as_in_keras() -> None:
    assert gw.losses.MeanSquaredError()(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)


def test_an_ignored_class_does_not_count_in_the_mean() -> None:
    loss = gw.losses.SparseCategoricalCrossentropy(ignore_class=2)
    assert loss([0, 2], OUTPUTS[:2]) == pytest.approx(-np.log(0.7), rel=1e-6)  # float32
    assert loss([2, 2], OUTPUTS[:2]) == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: gw.losses.Huber(reduction="median"),
            ValueError,
            "reduction: expected one of sum_over_batch_size, sum, .*; got 'median'",
        ),
        (lambda: gw.losses.Huber(delta=-1), ValueError, "delta: expected a number >= 0, got -1"),
        (lambda: gw.losses.Huber(dtype="float64"), TypeError, "Huber: dtype is not supported"),
        (
            lambda: gw.losses.CosineSimilarity(axis=0),
            TypeError,
            "CosineSimilarity: axis is not supported",
        ),
        (lambda: gw.losses.BinaryFocalCrossentropy(gamma=-1.0), ValueError, "gamma: expected a"),
        (lambda: gw.losses.BinaryFocalCrossentropy(alpha=2.0), ValueError, "alpha: expected a"),
        (
            lambda: gw.losses.SparseCategoricalCrossentropy(ignore_class="a"),
            TypeError,
            "ignore_class: expected an integer",
        ),
        (
            lambda: gw.losses.MeanSquaredError()(ONE_HOT, OUTPUTS[:, :2]),
            ValueError,
            r"y_true: expected the shape of y_pred, \(4, 2\), .*got \(4, 3\)",
        ),
        (
            lambda: gw.losses.MeanSquaredError()([["a"]], [[1.0]]),
            TypeError,
            "y_true: expected an array of float, int or bool numbers, got dtype <U1",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(ONE_HOT, OUTPUTS),
            ValueError,
            r"y_true: expected class indices of shape \(4,\)",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0.5, 1, 1, 1], OUTPUTS),
            ValueError,
            "y_true: expected integer class indices, got fractions",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0, 1, 3, 1], OUTPUTS),
            ValueError,
            "y_true: expected labels from 0 to 2, got 3",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy([0, 1, 4, 1], OUTPUTS, ignore_class=7),
            ValueError,
            "y_true: expected labels from 0 to 2 or 7, got 4",
        ),
        (
            lambda: losses.categorical_focal_crossentropy(ONE_HOT, OUTPUTS, alpha=[0.1, 0.2]),
            ValueError,
            "alpha: expected one number, or one for each of 3 classes, got 2",
        ),
        (lambda: losses.get(3), TypeError, "loss: expected a name, an instance of Loss"),
    ],
)
def test_wrong_settings_and_arrays_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("reduction", ["none", None])
def test_compile_refuses_a_loss_that_stays_an_array(reduction: str | None) -> None:
    model = gw.Sequential([gw.Input((2,)), gw.layers.Dense(1)])
    with pytest.raises(ValueError, match="loss: expected a reduction to one number, such as"):
        model.compile("sgd", gw.losses.MeanSquaredError(reduction=reduction))


def classifier(loss: gw.losses.Loss) -> gw.Sequential:
    gw.utils.set_random_seed(0)
    model = gw.Sequential([gw.Input((2,)), gw.layers.Dense(3, activation="softmax")])
    model.compile(gw.optimizers.SGD(0.5), loss, metrics=["accuracy"])
    return model


def test_nothing_is_learned_from_an_ignored_class() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 2)), np.arange(12) % 3
    other = np.where(np.arange(12) % 4 == 1, 255, y)
    kept = other != 255
    model = classifier(gw.losses.SparseCategoricalCrossentropy(ignore_class=255))
    loss = model.train_on_batch(x, other)[0]
    reference = classifier(gw.losses.SparseCategoricalCrossentropy())
    # The same sums, with terms of 0 between them.
    assert loss == pytest.approx(reference.train_on_batch(x[kept], y[kept])[0], rel=1e-6)
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert model.evaluate(x[~kept], other[~kept], verbose=0) == [0, 0]
    history = model.fit(x, other, class_weight={0: 2.0}, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_labels_beside_an_ignored_class_are_checked() -> None:
    model = classifier(gw.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    with pytest.raises(ValueError, match=r"y: expected labels from 0 to 2 .* or -1, which is ign"):
        model.fit(np.zeros((3, 2)), np.array([0, -1, 3]), verbose=0)


def test_an_output_follows_the_loss_that_wants_probabilities() -> None:
    for loss, activation in (
        ("kl_divergence", "softmax"),
        ("categorical_focal_crossentropy", "softmax"),
        ("binary_focal_crossentropy", "sigmoid"),
        ("hinge", "linear"),
    ):
        model = gw.Sequential([gw.Input((2,)), gw.layers.Dense(3, activation="auto")])
        model.compile("sgd", loss)
        assert (model.layers[-1].activation or "linear") in (activation, "auto")
