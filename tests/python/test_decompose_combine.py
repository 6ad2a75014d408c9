"""Weights of a combination: unconstrained with a ridge penalty, or on the simplex."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from gatewise.decompose import combine
from gatewise.decompose.combining import _loss


@pytest.fixture
def outputs():
    return np.random.default_rng(0).normal(size=(3, 80, 4))


def cross_entropy(alpha, bias, outputs, labels):
    return _loss(np.tensordot(alpha, outputs, axes=1) + bias, labels)[0]


def test_ridge_recovers_the_weights_that_generated_the_targets(outputs):
    y = np.tensordot([0.5, -1.0, 2.0], outputs, axes=1) + np.arange(1.0, 5.0)
    alpha, bias = combine(outputs, y, l2=0)
    np.testing.assert_allclose(alpha, [0.5, -1.0, 2.0], atol=1e-9)
    np.testing.assert_allclose(bias, [1, 2, 3, 4], atol=1e-9)


def test_ridge_minimizes_its_objective(outputs):
    y = np.random.default_rng(1).normal(size=(80, 4))

    def total(alpha, bias):
        error = np.tensordot(alpha, outputs, axes=1) + bias - y
        return np.mean(error**2) + 0.3 * np.sum((alpha - 1 / 3) ** 2)

    alpha, bias = combine(outputs, y, l2=0.3)
    gradient = approx_fprime(np.r_[alpha, bias], lambda p: total(p[:3], p[3:]), 1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-5)


def test_ridge_of_labels_minimizes_its_objective(outputs):
    labels = np.random.default_rng(1).integers(0, 4, 80)

    def total(parameters):
        alpha, bias = parameters[:3], parameters[3:]
        penalty = 0.05 * np.sum((alpha - 1 / 3) ** 2)
        return cross_entropy(alpha, bias, outputs, labels) + penalty

    gradient = approx_fprime(np.concatenate(combine(outputs, labels, l2=0.05)), total, 1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-4)


def test_a_strong_penalty_gives_equal_weights(outputs):
    labels = np.random.default_rng(1).integers(0, 4, 80)
    for y in (labels, outputs[0]):
        np.testing.assert_allclose(combine(outputs, y, l2=1e6)[0], 1 / 3, atol=1e-4)


def test_softmax_weights_minimize_the_loss_on_the_simplex(outputs):
    labels = outputs[1].argmax(axis=1)
    y = 0.2 * outputs[0] + 0.8 * outputs[1]
    for target in (labels, y):
        alpha, bias = combine(outputs, target, "softmax")
        assert alpha.min() >= 0
        assert alpha.sum() == pytest.approx(1)
        best = (
            cross_entropy
            if target is labels
            else (lambda *p: _loss(np.tensordot(p[0], p[2], axes=1) + p[1], p[3])[0])
        )
        for other in np.random.default_rng(2).dirichlet(np.ones(3), 200):
            assert best(alpha, bias, outputs, target) <= best(other, bias, outputs, target) + 1e-6
    np.testing.assert_allclose(alpha, [0.2, 0.8, 0.0], atol=1e-2)


def test_one_output_accepts_targets_of_one_axis(outputs):
    y = 3 * outputs[0, :, 0] + 1
    alpha, bias = combine(outputs[:1, :, :1], y, l2=0)
    assert alpha == pytest.approx([3])
    assert bias == pytest.approx([1])


def test_equal_models_get_equal_weights(outputs):
    alpha, _ = combine(np.stack([outputs[0]] * 3), 2 * outputs[0], l2=0)
    np.testing.assert_allclose(alpha, 2 / 3, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "mean"}, r"method: expected 'ridge' or 'softmax', got 'mean'"),
        ({"l2": -1}, r"l2: expected a number >= 0, got -1"),
        ({"outputs": np.ones((80, 4))}, r"outputs: expected shape \(K, n, u\), got \(80, 4\)"),
        ({"outputs": np.full((3, 80, 4), np.nan)}, r"outputs: expected finite numbers, got NaN"),
        ({"y": np.arange(80)}, r"y: expected labels from 0 to 3, got 0 to 79"),
        ({"y": np.zeros(7, int)}, r"y: expected 80 labels, got \(7,\)"),
        ({"y": np.zeros((80, 3))}, r"y: expected shape \(80, 4\), got \(80, 3\)"),
    ],
)
def test_combine_refuses_wrong_arguments(outputs, change, message):
    arguments = {"outputs": outputs, "y": np.zeros(80, int)} | change
    with pytest.raises(ValueError, match=message):
        combine(**arguments)
