"""Functional models: graphs, shared layers, several inputs and outputs."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.layers import Add, Concatenate, Dense


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def _autoencoder(reading_first):
    inputs = gw.Input(shape=(4,))
    code = Dense(2)(inputs)
    outputs = Dense(4)(code)
    if reading_first:
        encoder = gw.Model(inputs, code)
        return gw.Model(inputs, outputs), encoder
    return gw.Model(inputs, outputs), gw.Model(inputs, code)


@pytest.mark.parametrize("reading_first", [True, False])
def test_a_trained_model_and_its_encoder_share_their_layers(x, reading_first):
    model, encoder = _autoencoder(reading_first)
    before = encoder(x)
    model.compile("sgd", "mse")
    model.fit(x, x, epochs=2, verbose=0)
    after = encoder(x)
    assert not np.array_equal(before, after)
    kernel, bias = model.layers[1].get_weights()
    np.testing.assert_allclose(after, x @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_a_model_can_start_at_a_hidden_layer_of_another(x):
    inputs = gw.Input(shape=(4,))
    code = Dense(2)(inputs)
    outputs = Dense(4)(code)
    whole, encoder, decoder = (
        gw.Model(inputs, outputs),
        gw.Model(inputs, code),
        gw.Model(code, outputs),
    )
    assert np.array_equal(decoder(encoder(x)), whole(x))
    restored = gw.Model.from_config(decoder.get_config())
    assert restored.output_shape == (None, 4)


def test_a_layer_called_twice_shares_its_weights(x):
    inputs = gw.Input(shape=(4,))
    layer = Dense(4, kernel_initializer="orthogonal")
    model = gw.Model(inputs, layer(layer(inputs)))
    assert len(model.layers) == 2
    assert model.count_params() == 20
    assert np.array_equal(model(x), layer(layer(x)))
    model.compile("sgd", "mse")
    before = layer.get_weights()[0]
    model.fit(x, x, verbose=0)
    assert not np.array_equal(layer.get_weights()[0], before)


def test_a_layer_called_on_two_inputs_is_trained_by_both(x):
    a, b = gw.Input(shape=(4,), name="a"), gw.Input(shape=(4,), name="b")
    layer = Dense(2)
    model = gw.Model([a, b], Add()([layer(a), layer(b)]))
    z = x[::-1].copy()
    np.testing.assert_allclose(model([x, z]), layer(x) + layer(z), rtol=1e-6, atol=1e-6)
    assert model.input_names == ["a", "b"]
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit([x, z], np.ones((8, 2)), verbose=0).history["loss"]).all()


def test_several_outputs_are_lists_with_unique_names(x):
    inputs = gw.Input(shape=(4,))
    hidden = Dense(3, "relu")(inputs)
    model = gw.Model(inputs, [Dense(1, name="left")(hidden), Dense(2, name="right")(hidden)])
    assert model.output_names == ["left", "right"]
    assert model.output_shape == [(None, 1), (None, 2)]
    assert [each.shape for each in model(x)] == [(8, 1), (8, 2)]
    model.compile("adam", "mse")
    history = model.fit(x, [np.ones(8), np.ones((8, 2))], verbose=0).history
    assert history["loss"][0] == pytest.approx(
        history["left_loss"][0] + history["right_loss"][0], rel=1e-5
    )


def test_two_outputs_of_one_layer_have_distinct_names():
    a, b = gw.Input(shape=(4,)), gw.Input(shape=(4,))
    layer = Dense(2, name="head")
    assert gw.Model([a, b], [layer(a), layer(b)]).output_names == ["head", "head_1"]


def test_branches_of_any_shape_are_merged(x):
    inputs = gw.Input(shape=(4,))
    left = Dense(3, "relu")(inputs)
    right = gw.SparseExpertLayer(3, num_experts=4)(inputs)
    both = Concatenate()([left, right, inputs])
    skip = Add()([both, Dense(10)(both)])
    model = gw.Model(inputs, Dense(1)(skip))
    assert both.shape == (None, 10)
    model.compile("adam", "mse")
    losses = model.fit(x, x.sum(axis=1), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_expert_layers_can_be_stacked_in_a_loop(x):
    inputs = gw.Input(shape=(4,))
    symbol = inputs
    for _ in range(3):
        symbol = gw.SparseExpertLayer(4)(symbol)
    model = gw.Model(inputs=inputs, outputs=Dense(2, activation="softmax")(symbol))
    assert len(model.layers) == 5
    np.testing.assert_allclose(model(x).sum(axis=1), 1, rtol=1e-5)


def test_a_graph_can_be_deeper_than_pythons_recursion_limit(x):
    inputs = gw.Input(shape=(4,))
    layer = gw.layers.Activation("relu")
    symbol = inputs
    for _ in range(3000):
        symbol = layer(symbol)
    assert np.array_equal(gw.Model(inputs, symbol)(x), np.maximum(x, 0))


def test_a_model_called_on_symbols_shares_its_layers(x):
    inner, _ = _autoencoder(False)
    inputs = gw.Input(shape=(4,))
    outer = gw.Model(inputs, Dense(1)(inner(inputs)))
    assert inner.layers[1] in outer.layers
    with pytest.raises(ValueError, match=r"expected 1 inputs, got 2"):
        inner([inputs, gw.Input(shape=(4,))])


def test_layers_are_found_by_name_and_index():
    inputs = gw.Input(shape=(4,), name="pixels")
    model = gw.Model(inputs, Dense(2, name="head")(inputs), name="mine")
    assert model.get_layer("head") is model.get_layer(index=1) is model.layers[-1]
    assert model.get_layer("pixels").output_shape == (None, 4)
    with pytest.raises(ValueError, match=r"name: expected one of pixels, head; got 'tail'"):
        model.get_layer("tail")
    with pytest.raises(ValueError, match=r"index: expected one of 2 layers, got 2"):
        model.get_layer(index=2)
    with pytest.raises(ValueError, match=r"name, index: expected one of them, got None and None"):
        model.get_layer()


def test_an_output_that_needs_another_input_is_refused():
    a, b = gw.Input(shape=(4,), name="a"), gw.Input(shape=(4,), name="b")
    with pytest.raises(ValueError, match=r"outputs: expected a graph .* also needs input 'b'"):
        gw.Model(a, Add()([a, b]))


def test_an_input_can_be_an_output_only_if_a_layer_reads_it(x):
    inputs = gw.Input(shape=(4,), name="pixels")
    both = gw.Model(inputs, [inputs, Dense(2)(inputs)])
    assert np.array_equal(both(x)[0], x)
    with pytest.raises(ValueError, match=r"outputs: expected what a layer makes, got input 'pixe"):
        gw.Model(inputs, inputs)


def test_wrong_symbols_are_refused():
    symbol = gw.Input(shape=(4,))
    with pytest.raises(
        TypeError, match=r"outputs: expected a symbol, a list or a dict of them, got"
    ):
        gw.Model(symbol, Dense(3))
    with pytest.raises(TypeError, match=r"inputs: expected a symbol, a list or a dict of them"):
        gw.Model([], symbol)
    with pytest.raises(ValueError, match=r"inputs: expected each symbol once, got one twice"):
        gw.Model([symbol, symbol], Dense(3)(symbol))
    with pytest.raises(TypeError, match=r"Model: unexpected argument 'nam'"):
        gw.Model(symbol, Dense(3)(symbol), nam="x")
    with pytest.raises(ValueError, match=r"name: expected each layer's once in a model, got 'a'"):
        gw.Model(symbol, Dense(3, name="a")(Dense(3, name="a")(symbol)))


def test_trainable_of_a_model_sets_that_of_its_layers():
    model, _ = _autoencoder(False)
    model.trainable = False
    assert not any(layer.trainable for layer in model.layers)
    assert not model.trainable


def test_weights_are_set_layer_by_layer(x):
    model, other = _autoencoder(False)[0], _autoencoder(True)[0]
    other.set_weights(model.get_weights())
    assert np.array_equal(other(x), model(x))
    with pytest.raises(ValueError, match=r"weights: expected 4 arrays \(.*\), got 3"):
        model.set_weights(model.get_weights()[:3])


def test_a_wrong_array_among_the_weights_sets_nothing(x):
    model, _ = _autoencoder(False)
    before = model(x)
    weights = [weight + 1 for weight in model.get_weights()]
    weights[3] = np.ones(9)
    with pytest.raises(ValueError, match=r"weights\[3\]: expected shape \(4,\) for .*, got \(9,\)"):
        model.set_weights(weights)
    assert np.array_equal(model(x), before)
