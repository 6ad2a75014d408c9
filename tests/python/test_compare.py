"""Differences between the predictions of two models."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.layers import Dense

X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)


def _linear(kernel):
    model = gw.Sequential([gw.Input(shape=(2,)), Dense(2, use_bias=False)])
    model.set_weights([np.array(kernel)])
    return model


def test_compare_computes_differences_and_agreement_of_predictions():
    one, other = _linear([[1, 0], [0, 1]]), _linear([[1, 0], [0, -2]])
    result = one.compare(other, X)
    difference = np.abs(3 * X[:, 1].astype(np.float64))
    assert result.largest_difference == pytest.approx(difference.max(), rel=1e-6)
    assert result.mean_difference == pytest.approx(difference.mean() / 2, rel=1e-6)
    assert result.argmax_agreement == np.mean((X[:, 1] > X[:, 0]) == (-2 * X[:, 1] > X[:, 0]))
    assert other.compare(one, X, batch_size=3) == result


def test_compare_of_equal_models_prints_full_agreement():
    model = _linear([[1, 2], [3, 4]])
    result = model.compare(model, X)
    assert result == gw.Comparison(0.0, 0.0, 1.0)
    assert str(result) == "largest difference 0, mean 0, same argmax in 100.00% of rows"
    assert repr(result) == (
        "Comparison(largest_difference=0.0, mean_difference=0.0, argmax_agreement=1.0)"
    )


def test_a_layer_is_compared_as_a_model_of_one_layer():
    layer = Dense(2)
    layer(X)
    assert layer.compare(layer.as_model(), X).largest_difference == 0
    assert layer.as_model().compare(layer, X).argmax_agreement == 1


def test_models_that_cannot_be_compared_are_refused():
    model = _linear([[1, 0], [0, 1]])
    with pytest.raises(TypeError, match=r"other: expected a model or a layer, got ndarray"):
        model.compare(X, X)
    with pytest.raises(TypeError, match=r"x: expected arrays, which both models can read, got gen"):
        model.compare(model, (X for _ in range(2)))
    wider_model = gw.Sequential([gw.Input(shape=(2,)), Dense(3)])
    with pytest.raises(ValueError, match=r"outputs of one shape, got \(8, 2\) and \(8, 3\)"):
        model.compare(wider_model, X)
    symbol = gw.Input(shape=(2,))
    double = gw.Model(symbol, [Dense(2)(symbol), Dense(2)(symbol)])
    with pytest.raises(ValueError, match=r"compare: expected models of one output, got 2"):
        model.compare(double, X)
    with pytest.raises(ValueError, match=r"x: expected shape \(n, 2\), got \(8, 1\)"):
        model.compare(model, X[:, :1])
