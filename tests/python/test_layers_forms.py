"""One layer on inputs of several shapes, and layers that bring another axis last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw

layers = gw.layers


def rows(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (layers.ReLU, [(2, 3), (2, 5), (2, 4, 3)]),
        (layers.Flatten, [(2, 3, 4), (2, 5, 4), (2, 3, 2)]),
        (layers.MaxPooling2D, [(1, 8, 8, 1), (1, 4, 6, 2)]),
        (lambda: layers.Softmax(axis=1), [(2, 3, 4), (2, 5, 4)]),
    ],
)
def test_a_layer_without_weights_takes_inputs_of_several_shapes(make: Any, shapes: Any) -> None:
    layer = make()
    for shape in [*shapes, shapes[0]]:
        np.testing.assert_array_equal(layer(rows(*shape)), make()(rows(*shape)))


def reused(seed: int) -> gw.Model:
    relu, drop = layers.ReLU(), layers.Dropout(0.5)
    x = gw.Input((16,))
    wide = drop(relu(layers.Dense(16, seed=seed)(x)))
    narrow = drop(relu(layers.Dense(6, seed=seed)(wide)))
    model = gw.Model(x, layers.Dense(2, seed=seed)(narrow))
    model.compile("sgd", "mse")
    return model


def test_a_reused_dropout_is_saved_and_draws_the_same_numbers_again(tmp_path: Any) -> None:
    x = rows(32, 16)
    gw.utils.set_random_seed(3)
    first = reused(1).fit(x, x[:, :2], epochs=2, verbose=0).history
    gw.utils.set_random_seed(3)
    model = reused(1)
    assert model.fit(x, x[:, :2], epochs=2, verbose=0).history == first
    model.save(tmp_path / "m.gatewise")
    again = gw.load_model(tmp_path / "m.gatewise")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.fit(x, x[:, :2], verbose=0).history == model.fit(x, x[:, :2], verbose=0).history


def test_forms_of_one_dropout_draw_numbers_of_their_own() -> None:
    drop = layers.Dropout(0.5)
    x = gw.Input((64,))
    wide = drop(x)  # a form of 64 values, then one of 32 with the same rows
    model = gw.Model(
        x,
        layers.Dense(96, kernel_initializer="identity")(
            layers.Concatenate()([wide, drop(x[:, :32])])
        ),
    )
    model.compile(gw.optimizers.SGD(1.0), "mse")
    # The gradient of the identity kernel is 0 in the columns of dropped values.
    before = model.get_weights()[0]
    model.train_on_batch(np.ones((1, 64)), np.zeros((1, 96)))
    moved = np.abs(model.get_weights()[0] - before).max(axis=1) > 0
    first, second = moved[:32], moved[64:]
    assert first.any() and second.any()
    assert not np.array_equal(first, second)


def test_a_layer_with_weights_keeps_its_width() -> None:
    layer = layers.Dense(2)
    layer(rows(2, 3))
    with pytest.raises(ValueError, match="expected inputs of width 3, for which the layer is"):
        layer(rows(2, 4))
    convolution = layers.Conv1D(2, 2)
    convolution.build((5, 8, 4))  # the count of samples does not matter
    assert convolution(rows(2, 8, 4)).shape == (2, 7, 2)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(5, 8, 4\), for which"):
        convolution(rows(2, 9, 4))


def test_variables_know_their_constraint_and_penalty() -> None:
    layer = layers.Dense(2, kernel_constraint="non_neg", bias_regularizer="l2")
    layer.build((None, 3))
    assert isinstance(layer.kernel.constraint, gw.constraints.NonNeg)
    assert isinstance(layer.bias.regularizer, gw.regularizers.L2)
    assert layer.bias.constraint is None and layer.kernel.regularizer is None
    plain = layers.Dense(2, use_bias=False)
    plain.build((None, 3))
    assert plain.bias is None
    with pytest.raises(AttributeError, match="no attribute 'gamma'"):
        _ = plain.gamma


def test_another_axis_needs_known_sizes() -> None:
    with pytest.raises(ValueError, match=r"expected an input of known sizes, got \(None, None, 3"):
        layers.BatchNormalization(axis=1)(gw.Input((None, 3)))
    with pytest.raises(ValueError, match="axis: expected one of 2 axes, got 4"):
        layers.Softmax(axis=4)(rows(2, 3))
