"""Initial values of parameters."""

import math

import numpy as np
import pytest

from gatewise import initializers

_FAN_IN, _FAN_OUT = 300, 100
_SHAPE = (_FAN_IN, _FAN_OUT)


def _bound(scale, fan):
    return math.sqrt(3 * scale / fan)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("glorot_uniform", _bound(1, (_FAN_IN + _FAN_OUT) / 2)),
        ("he_uniform", _bound(2, _FAN_IN)),
        ("lecun_uniform", _bound(1, _FAN_IN)),
        ("random_uniform", 0.05),
    ],
)
def test_uniform_initializers_cover_their_range(name, limit):
    values = initializers.get(name)(_SHAPE, seed=1)
    assert values.dtype == np.float32
    assert values.shape == _SHAPE
    assert np.abs(values).max() <= limit * (1 + 1e-6)
    assert np.abs(values).max() > 0.99 * limit
    # 30,000 values: the standard error of the mean is limit / 300.
    assert abs(values.mean()) < limit / 60


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_normal", 2 / (_FAN_IN + _FAN_OUT)),
        ("he_normal", 2 / _FAN_IN),
        ("lecun_normal", 1 / _FAN_IN),
    ],
)
def test_truncated_normal_initializers_have_the_given_variance_after_truncation(name, variance):
    values = initializers.get(name)(_SHAPE, seed=1)
    stddev = math.sqrt(variance)
    # Truncation at two standard deviations reduces the deviation to 0.8796 of it.
    assert np.abs(values).max() <= 2 * stddev / 0.8796 * (1 + 1e-3)
    assert values.std() == pytest.approx(stddev, rel=0.02)
    assert abs(values.mean()) < stddev / 30


def test_random_normal_has_its_mean_and_deviation():
    values = initializers.RandomNormal(mean=1.0, stddev=2.0)(_SHAPE, seed=3)
    assert values.mean() == pytest.approx(1, abs=0.05)
    assert values.std() == pytest.approx(2, rel=0.02)


def test_random_signs_are_ones_of_both_signs():
    values = initializers.get("random_signs")(_SHAPE, seed=3)
    assert values.dtype == np.float32
    assert set(np.unique(values)) == {-1, 1}
    assert abs(values.mean()) < 0.05


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    values = initializers.Orthogonal(gain=2.0)(shape, seed=4).astype(np.float64) / 2
    product = values @ values.T if shape[0] <= shape[1] else values.T @ values
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)  # float32 rounding


def test_orthogonal_draws_each_expert_separately():
    values = initializers.Orthogonal()((3, 4, 4), seed=4)
    for first in range(3):
        np.testing.assert_allclose(values[first] @ values[first].T, np.eye(4), atol=1e-5)
        assert not np.array_equal(values[first], values[(first + 1) % 3])


def test_the_expert_axis_does_not_count_in_the_fans():
    values = initializers.GlorotUniform()((50, *_SHAPE), seed=1)
    limit = _bound(1, (_FAN_IN + _FAN_OUT) / 2)
    assert 0.99 * limit < np.abs(values).max() <= limit * (1 + 1e-6)


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("ones", 1)])
def test_constant_initializers_are_constant(name, value):
    assert np.array_equal(initializers.get(name)((2, 3), seed=0), np.full((2, 3), value))
    assert np.array_equal(initializers.Constant(0.5)((2,)), np.full(2, 0.5))


def test_values_depend_only_on_seed_and_stream():
    draw = initializers.GlorotNormal()
    first = draw(_SHAPE, seed=1, stream=2)
    assert np.array_equal(first, draw(_SHAPE, seed=1, stream=2))
    assert not np.array_equal(first, draw(_SHAPE, seed=1, stream=3))
    assert not np.array_equal(first, draw(_SHAPE, seed=2, stream=2))


def test_an_initializers_own_seed_takes_precedence_over_the_layers():
    own = initializers.GlorotUniform(seed=5)
    assert np.array_equal(own(_SHAPE, seed=1), own(_SHAPE, seed=2))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"stddev: expected a number >= 0, got -1"):
        initializers.RandomNormal(stddev=-1)
    with pytest.raises(ValueError, match=r"minval: expected at most maxval \(0\), got 1"):
        initializers.RandomUniform(1, 0)
    with pytest.raises(ValueError, match=r"orthogonal: expected at least two axes, got \(3,\)"):
        initializers.Orthogonal()((3,), seed=0)
    with pytest.raises(ValueError, match=r"initializer: expected one of constant, zeros, ones"):
        initializers.get("glorot")
