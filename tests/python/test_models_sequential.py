"""Sequential models: lists, add, pop, and building at the first data."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.layers import Dense, Dropout


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def test_a_list_with_an_input_is_built_at_once():
    model = gw.Sequential([gw.Input(shape=(4,)), Dense(3), Dense(2)])
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 2)
    assert [layer.units for layer in model.layers] == [3, 2]


def test_a_list_without_an_input_is_built_at_the_first_data(x):
    model = gw.Sequential([Dense(3), Dense(2)])
    assert not model.built
    assert model(x).shape == (8, 2)
    assert model.built
    assert model.input_shape == (None, 4)


@pytest.mark.parametrize("use", ["fit", "predict", "evaluate", "train_on_batch", "build"])
def test_every_first_use_builds_the_model(x, use):
    model = gw.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    y = np.ones(8)
    {
        "fit": lambda: model.fit(x, y, verbose=0),
        "predict": lambda: model.predict(x, verbose=0),
        "evaluate": lambda: model.evaluate(x, y, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(x, y),
        "build": lambda: model.build((None, 4)),
    }[use]()
    assert model.built
    assert model.count_params() == 5


def test_add_and_pop_rebuild_and_keep_weights(x):
    first = Dense(3)
    model = gw.Sequential([gw.Input(shape=(4,)), first])
    before = first.get_weights()[0]
    model.add(Dense(2))
    assert model.output_shape == (None, 2)
    assert model(x).shape == (8, 2)
    popped = model.pop()
    assert popped.units == 2
    assert model(x).shape == (8, 3)
    assert np.array_equal(first.get_weights()[0], before)


def test_layers_added_one_by_one_equal_a_list_of_layers(x):
    model = gw.Sequential()
    model.add(gw.Input(shape=(4,)))
    model.add(Dense(3, "relu", seed=1))
    model.add(Dense(2, seed=2))
    same = gw.Sequential([Dense(3, "relu", seed=1, input_shape=(4,)), Dense(2, seed=2)])
    assert np.array_equal(model(x), same(x))


def test_a_layer_added_to_a_compiled_model_is_trained(x):
    model = gw.Sequential([gw.Input(shape=(4,)), Dense(3)])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((8, 3)), verbose=0)
    model.add(Dense(1))
    before = model.layers[1].get_weights()[0]
    model.fit(x, np.ones((8, 1)), verbose=0)
    assert not np.array_equal(model.layers[1].get_weights()[0], before)


def test_layers_and_models_have_different_initial_weights():
    models = [gw.Sequential([gw.Input(shape=(4,)), Dense(4), Dense(4)]) for _ in range(2)]
    kernels = [layer.get_weights()[0] for model in models for layer in model.layers]
    assert len({kernel.tobytes() for kernel in kernels}) == 4


def test_the_seed_determines_all_weights():
    def weights():
        gw.utils.set_random_seed(3)
        models = [gw.Sequential([gw.Input(shape=(4,)), Dense(4), Dense(4)]) for _ in range(2)]
        return [weight for model in models for weight in model.get_weights()]

    first, second = weights(), weights()
    assert all(map(np.array_equal, first, second))
    assert not np.array_equal(first[0], first[4])  # the second model of a script


def test_building_later_creates_the_same_weights_as_building_at_once(x):
    gw.utils.set_random_seed(3)
    at_once = gw.Sequential([gw.Input(shape=(4,)), Dense(4), Dense(2)])
    gw.utils.set_random_seed(3)
    later = gw.Sequential([Dense(4), Dense(2)])
    assert np.array_equal(later(x), at_once(x))


def test_a_model_inside_a_model_adds_its_layers(x):
    encoder = gw.Sequential([gw.Input(shape=(4,)), Dense(2)])
    decoder = gw.Sequential([Dense(4)])
    model = gw.Sequential([encoder, decoder])
    assert model.layers == [*encoder.layers, *decoder.layers]
    model.compile("sgd", "mse")
    model.fit(x, x, verbose=0)
    assert np.array_equal(decoder(encoder(x)), model(x))


def test_a_sequential_model_connects_symbols(x):
    inner = gw.Sequential([Dense(3)])
    symbol = gw.Input(shape=(4,))
    model = gw.Model(symbol, inner(symbol))
    assert np.array_equal(model(x), inner(x))


def test_samples_of_several_rows_keep_their_shape():
    model = gw.Sequential([gw.Input(shape=(None, 4)), gw.SparseExpertLayer(3), Dense(2)])
    assert model.output_shape == (None, None, 2)
    x = np.random.default_rng(0).normal(size=(5, 7, 4)).astype(np.float32)
    rows = gw.Sequential(model.layers)(x.reshape(35, 4))
    assert np.array_equal(model(x), rows.reshape(5, 7, 2))


@pytest.mark.parametrize("use", ["get_weights", "count_params", "count_nonzero"])
def test_an_unbuilt_model_is_refused(use):
    with pytest.raises(ValueError, match=r"expected a built layer, got one that has seen no input"):
        getattr(gw.Sequential([Dense(3)]), use)()


def test_an_unbuilt_model_has_no_inputs_and_its_error_says_why():
    model = gw.Sequential([Dense(3)], name="mine")
    with pytest.raises(ValueError, match=r"mine: expected a built model, got one without an inp"):
        _ = model.inputs


def test_wrong_layers_are_refused(x):
    with pytest.raises(TypeError, match=r"layers: expected a layer, got 'dense'"):
        gw.Sequential(["dense"])
    with pytest.raises(TypeError, match=r"layers: expected a layer, got <class"):
        gw.Sequential([Dense])
    with pytest.raises(ValueError, match=r"layers: expected the input first, got 'late' later"):
        gw.Sequential([Dense(3), gw.Input(shape=(4,), name="late")])
    with pytest.raises(ValueError, match=r"name: expected each layer's once in a model, got 'a'"):
        gw.Sequential([Dense(3, name="a"), Dense(3, name="a")])
    with pytest.raises(ValueError, match=r"mine: expected at least one layer, got none"):
        gw.Sequential(name="mine")(x)
    with pytest.raises(ValueError, match=r"mine: expected a layer to take out, got an empty model"):
        gw.Sequential(name="mine").pop()


def test_a_layer_that_does_not_fit_leaves_the_model_unchanged(x):
    model = gw.Sequential([gw.Input(shape=(4,)), Dense(3)])
    before = model(x)
    other = Dense(2)
    other(np.ones((1, 9)))
    with pytest.raises(ValueError, match=r"expected inputs of width 9, .* got \(None, 3\)"):
        model.add(other)
    assert len(model.layers) == 1
    assert np.array_equal(model(x), before)


def test_an_input_shape_that_contradicts_the_model_is_refused():
    with pytest.raises(ValueError, match=r"last: expected its input_shape \(5,\), got \(3,\)"):
        gw.Sequential([Dense(3, input_shape=(4,)), Dense(2, input_shape=(5,), name="last")])


def test_unsupported_arguments_are_refused():
    with pytest.raises(TypeError, match=r"Sequential: trainable is not supported; expected True"):
        gw.Sequential([], trainable=False)
    with pytest.raises(TypeError, match=r"summary: positions is not supported"):
        gw.Sequential([Dropout(0.5)]).summary(positions=[1])
