"""Behaviour of all layers: names, building, weights, calls, wrong use."""

import numpy as np
import pytest

import gatewise as gw
from gatewise import layers


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def test_automatic_names_come_from_the_class_and_are_unique():
    first, second = layers.LayerNormalization(), layers.LayerNormalization()
    assert first.name.startswith("layer_normalization")
    assert first.name != second.name


def test_an_automatic_name_avoids_given_names():
    layers.Dense(1, name="dense_500000")
    assert layers.Dense(1).name == "dense_500001"
    layers.Dense(1, name="dense_3")
    assert layers.Dense(1).name == "dense_500002"


@pytest.mark.parametrize(("name", "error"), [("a/b", ValueError), ("", ValueError), (3, TypeError)])
def test_an_invalid_name_is_refused(name, error):
    with pytest.raises(error, match=r"name: expected a string"):
        layers.Dense(1, name=name)


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(TypeError, match=r"Dense: unexpected argument 'unit_s'"):
        layers.Dense(3, unit_s=4)


@pytest.mark.parametrize("argument", ["lora_rank", "lora_alpha"])
def test_an_unsupported_argument_is_accepted_at_the_default_of_keras(argument):
    layers.Dense(3, **{argument: None})
    with pytest.raises(TypeError, match=rf"Dense: {argument} is not supported; expected None"):
        layers.Dense(3, **{argument: 4})


def test_the_error_of_an_unbuilt_layer_says_how_to_build_it():
    layer = layers.Dense(3, name="code")
    for use in (layer.get_weights, layer.count_params, layer.count_nonzero):
        with pytest.raises(ValueError, match=r"code: expected a built layer, .* build\(input_sha"):
            use()
    with pytest.raises(ValueError, match=r"code: expected a built layer"):
        _ = layer.output_shape
    assert not layer.built


def test_build_creates_parameters_of_the_input_width():
    layer = layers.Dense(3)
    layer.build((None, 7))
    assert [weight.shape for weight in layer.get_weights()] == [(7, 3), (3,)]
    assert layer.count_params() == 24
    assert layer.count_nonzero() == 21
    assert layer.input_shape == (None, 7)
    assert layer.output_shape == (None, 3)


def test_a_layer_built_for_one_width_refuses_another(x):
    layer = layers.Dense(3, name="head")
    layer(x)
    with pytest.raises(ValueError, match=r"head: expected inputs of width 4, .* got \(None, 5\)"):
        layer(np.ones((2, 5)))


def test_a_shape_without_features_is_refused():
    with pytest.raises(ValueError, match=r"head: expected an input \(None, ..., d\), got \(None,"):
        layers.Dense(3, name="head").build((None, None))
    with pytest.raises(ValueError, match=r"head: expected arrays \(n, ..., d\), got one of a sing"):
        layers.Dense(3, name="head")(np.ones(3))


def test_set_weights_accepts_what_get_weights_returns(x):
    layer, other = layers.Dense(3), layers.Dense(3)
    expected = layer(x)
    other(x)
    other.set_weights(layer.get_weights())
    assert np.array_equal(other(x), expected)


def test_set_weights_checks_before_it_sets(x):
    layer = layers.Dense(3, name="head")
    layer(x)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"weights: expected 2 arrays \(head/kernel, head/bias"):
        layer.set_weights([np.ones((4, 3))])
    with pytest.raises(ValueError, match=r"weights\[1\]: expected shape \(3,\) for head/bias, got"):
        layer.set_weights([np.ones((4, 3)), np.ones(4)])
    assert all(map(np.array_equal, before, layer.get_weights()))


def test_arrays_of_any_rank_keep_their_leading_axes(x):
    layer = layers.Dense(3)
    flat = layer(x)
    assert np.array_equal(layer(x.reshape(1, 5, 4)), flat.reshape(1, 5, 3))
    assert np.array_equal(layer(x.astype(np.float64)), flat)


def test_symbols_and_arrays_cannot_be_mixed(x):
    with pytest.raises(TypeError, match=r"both: expected symbols or arrays, got both"):
        layers.Add(name="both")([gw.Input(shape=(4,)), x])


def test_a_call_in_training_mode_is_refused(x):
    layer = layers.Dense(3, name="head")
    assert np.array_equal(layer(x, training=False), layer(x))
    with pytest.raises(TypeError, match=r"head: training: expected False or None, got True"):
        layer(x, training=True)


def test_a_layers_own_seed_determines_its_weights():
    def weights(before):
        layer = layers.Dense(3, seed=9)
        gw.Sequential([gw.Input(shape=(4,)), *before, layer])
        return layer.get_weights()[0]

    assert np.array_equal(weights([]), weights([layers.Dense(4)]))


def test_input_dim_and_input_shape_are_equivalent():
    assert gw.Sequential([layers.Dense(2, input_dim=4)]).input_shape == (None, 4)
    assert gw.Sequential([layers.Dense(2, input_shape=(3, 4))]).input_shape == (None, 3, 4)
    with pytest.raises(ValueError, match=r"input_dim: expected None with input_shape"):
        layers.Dense(2, input_dim=4, input_shape=(4,))
    with pytest.raises(TypeError, match=r"input_shape: expected a tuple of sizes such as \(784,\)"):
        layers.Dense(2, input_shape=4)


def test_trainable_is_set_in_the_core(x):
    layer = layers.Dense(3)
    layer(x)
    layer.trainable = False
    assert not layer.native.trainable
    assert layer.count_trainable() == 0
    with pytest.raises(TypeError, match=r"trainable: expected True or False, got 1"):
        layer.trainable = 1


def test_a_frozen_layer_is_unchanged_by_training(x):
    frozen, free = layers.Dense(4, trainable=False), layers.Dense(2)
    model = gw.Sequential([gw.Input(shape=(4,)), frozen, free])
    before = [layer.get_weights()[0] for layer in (frozen, free)]
    model.compile("sgd", "mse")
    model.fit(x, np.ones((5, 2)), verbose=0)
    assert np.array_equal(frozen.get_weights()[0], before[0])
    assert not np.array_equal(free.get_weights()[0], before[1])


def test_a_layer_is_a_model_of_one_layer(x, tmp_path):
    layer = layers.Dense(1)
    layer.compile("sgd", "mse")
    history = layer.fit(x, x.sum(axis=1), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert np.array_equal(layer.predict(x, verbose=0), layer(x))
    assert layer.evaluate(x, x.sum(axis=1), verbose=0) < history.history["loss"][0]
    layer.save(tmp_path / "layer.gatewise")
    assert np.array_equal(gw.load_model(tmp_path / "layer.gatewise")(x), layer(x))


def test_a_layer_in_two_models_has_one_set_of_weights(x):
    layer = layers.Dense(1)
    first, second = gw.Sequential([layer]), gw.Sequential([layer])
    first.compile("sgd", "mse")
    first.fit(x, x.sum(axis=1), verbose=0)
    assert np.array_equal(second.predict(x, verbose=0), first.predict(x, verbose=0))
