"""Seeds."""

import random

import numpy as np
import pytest

import gatewise as gw


def _weights():
    return gw.Sequential([gw.Input(shape=(5,)), gw.layers.Dense(4)]).get_weights()[0]


def test_a_seed_makes_the_following_code_reproducible():
    gw.utils.set_random_seed(1)
    first = [_weights(), _weights()]
    gw.utils.set_random_seed(1)
    second = [_weights(), _weights()]
    assert all(map(np.array_equal, first, second))
    assert not np.array_equal(first[0], first[1])


def test_a_seed_is_also_that_of_python_and_numpy():
    gw.utils.set_random_seed(3)
    assert random.random() == random.Random(3).random()
    assert np.random.rand() == np.random.RandomState(3).rand()
    gw.utils.set_random_seed(2**32 + 3)
    assert np.random.rand() == np.random.RandomState(3).rand()


def test_another_seed_creates_other_weights():
    gw.utils.set_random_seed(1)
    first = _weights()
    gw.utils.set_random_seed(2)
    assert not np.array_equal(first, _weights())


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_an_invalid_seed_is_refused(seed, error):
    with pytest.raises(error, match=r"seed: expected an integer >= 0, got"):
        gw.utils.set_random_seed(seed)


def test_a_single_layer_is_reproducible():
    x = np.ones((2, 3), np.float32)
    results = []
    for _ in range(2):
        gw.utils.set_random_seed(5)
        results.append(gw.SparseExpertLayer(4)(x))
    assert np.array_equal(*results)


def test_training_with_shuffle_dropout_and_noise_is_reproducible():
    x = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    results = []
    for _ in range(2):
        gw.utils.set_random_seed(5)
        model = gw.Sequential(
            [
                gw.SparseExpertLayer(8, router="noisy_top_k"),
                gw.layers.Dropout(0.3),
                gw.layers.Dense(1),
            ]
        )
        model.compile("adam", "mse")
        model.fit(x, x.sum(axis=1), epochs=3, batch_size=8, verbose=0)
        results.append(model.get_weights())
    assert all(map(np.array_equal, *results))
