"""pickle, deepcopy and joblib use the file format."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest

import gatewise as gw
from gatewise.layers import Add, Dense


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


def _pickled(value):
    return pickle.loads(pickle.dumps(value))


def _dumped(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    file.seek(0)
    return joblib.load(file)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)


@pytest.fixture(params=[_pickled, copy.deepcopy, copy.copy, _dumped])
def duplicate(request):
    return request.param


def test_a_copy_of_a_model_continues_training_with_the_same_bits(x, duplicate):
    model = gw.Sequential([gw.SparseExpertLayer(3, num_experts=4), Dense(1)])
    model.compile("adam", "mse")
    y = x.sum(axis=1)
    model.fit(x, y, epochs=2, verbose=0)
    duplicated = duplicate(model)
    for each in (model, duplicated):
        each.fit(x, y, epochs=2, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), duplicated.get_weights()))


def test_a_copy_does_not_share_weights(x, duplicate):
    inputs = gw.Input(shape=(4,))
    model = gw.Model(inputs, Dense(2)(inputs))
    duplicated = duplicate(model)
    expected = model(x)
    duplicated.set_weights([weight * 0 for weight in duplicated.get_weights()])
    assert np.array_equal(model(x), expected)


@pytest.mark.parametrize("built", [True, False])
def test_a_layer_is_copied_with_its_weights(x, duplicate, built):
    layer = gw.SparseExpertLayer(3, num_experts=4, router="switch", name="experts")
    if built:
        layer(x)
    duplicated = duplicate(layer)
    assert duplicated.built == built
    assert duplicated.get_config() == layer.get_config()
    if built:
        assert np.array_equal(duplicated(x), layer(x))


def test_a_layer_is_copied_with_its_training_state(x, duplicate):
    layer = Dense(1)
    layer.compile("adam", "mse")
    layer.fit(x, np.ones(16), verbose=0)
    duplicated = duplicate(layer)
    for each in (layer, duplicated):
        each.fit(x, np.ones(16), verbose=0)
    assert all(map(np.array_equal, layer.get_weights(), duplicated.get_weights()))


def test_a_merge_layer_is_copied(x, duplicate):
    layer = Add()
    layer([x, x])
    assert np.array_equal(duplicate(layer)([x, x]), x + x)


def test_altered_bytes_of_a_pickle_are_refused(x):
    layer = Dense(1)
    layer(x)
    data = pickle.dumps(layer)
    kernel = layer.get_weights()[0].tobytes()
    altered = data.replace(kernel, kernel[::-1])
    with pytest.raises(ValueError, match=r"pickled model: tensor 'weights/.*/kernel': its checks"):
        pickle.loads(altered)
