"""Layers that change a sample's shape: files, errors, samples of weight 0, integer inputs."""

from __future__ import annotations

import numpy as np
import pytest

import gatewise as gw
from keras_layer_cases import BATCH, CASES, ids, rows

layers = gw.layers


def trained(name: str) -> tuple[gw.Model, np.ndarray]:
    """The model of a case after an epoch, and its inputs."""
    x, build = CASES[name]
    model = build(gw)
    model.compile("adam", "mse")
    y = np.random.default_rng(0).standard_normal((len(x), 3))
    model.fit(x, y, batch_size=BATCH, verbose=0)
    return model, x


@pytest.mark.parametrize("name", CASES)
def test_a_loaded_model_predicts_the_same_bits(name, tmp_path):
    model, x = trained(name)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    again = type(model).from_config(model.get_config())
    assert again.output_shape == model.output_shape


BATCHED = (
    "conv2d_pool",
    "embedding_free_length",
    "operators",
    "autoencoder",
    "conv2d_groups",
    "separable_conv2d",
    "prelu_shared_in_part",
)


@pytest.mark.parametrize("name", BATCHED)
def test_a_prediction_does_not_depend_on_the_batch(name):
    model, x = trained(name)
    whole = model.predict(x, verbose=0)
    for size in (1, 5, 1000):
        np.testing.assert_array_equal(model.predict(x, batch_size=size, verbose=0), whole)
    np.testing.assert_array_equal(np.concatenate([model(x[:7]), model(x[7:])]), whole)


def test_samples_of_weight_0_change_nothing():
    x, build = CASES["conv2d_pool"]
    y = np.random.default_rng(0).standard_normal((len(x), 3))
    weights = []
    for keep in (slice(0, 8), slice(None)):
        gw.utils.set_random_seed(0)
        model = build(gw)
        model.compile(gw.optimizers.SGD(0.1), gw.losses.MeanSquaredError())
        count = len(x[keep])
        weight = np.where(np.arange(count) < 8, 1.0, 0.0)
        # A loss is the mean over the batch: 24 rows of which 8 count are weighted threefold.
        model.fit(
            x[keep],
            y[keep],
            sample_weight=weight * count / 8,
            batch_size=count,
            verbose=0,
            shuffle=False,
        )
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)  # sums over other blocks of rows


def test_batch_normalization_leaves_out_samples_of_weight_0():
    model = gw.Sequential([gw.Input((3,)), layers.BatchNormalization(momentum=0.0)])
    model.compile("sgd", "mse")
    x = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [90.0, 90.0, 90.0]])
    model.train_on_batch(x, x, sample_weight=np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(model.layers[0].get_weights()[2], [2, 2, 2], rtol=1e-6)
    np.testing.assert_allclose(model.layers[0].get_weights()[3], [1, 0, 1], rtol=1e-6)


def test_frozen_batch_normalization_trains_with_its_moving_statistics():
    model = gw.Sequential([gw.Input((3,)), layers.BatchNormalization(), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()
    model.fit(rows(3), rows(1), verbose=0)
    for a, b in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_ids_beyond_float32_stay_integers():
    x = gw.Input((2,), dtype="int32")
    table = layers.Embedding(2**24 + 2, 1, embeddings_initializer="zeros")
    model = gw.Model(x, table(x))
    weights = np.zeros((2**24 + 2, 1), np.float32)
    weights[2**24 + 1] = 5
    table.set_weights([weights])
    found = model.predict(np.array([[2**24 + 1, 2**24]]), verbose=0)
    assert found.ravel().tolist() == [5.0, 0.0]


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.array([[1, 12]]), ValueError, "ids: expected 0 to 11, got 12"),
        (np.array([[-1, 2]]), ValueError, "ids: expected 0 to 11, got -1"),
        (np.array([[0.5, 1.0]]), ValueError, "x: expected whole numbers"),
        (np.array([[2**31, 1]]), ValueError, "x: expected integers below 2\\^31"),
    ],
)
def test_wrong_ids_are_refused(array, error, message):
    x = gw.Input((2,), dtype="int32")
    model = gw.Model(x, layers.Embedding(12, 4)(x))
    with pytest.raises(error, match=message):
        model.predict(array, verbose=0)


def test_integers_for_another_layer_are_refused():
    x = gw.Input((2,), dtype="int32")
    with pytest.raises(ValueError, match="only an Embedding that comes first reads integers"):
        gw.Model(x, layers.Dense(4)(x)).predict(ids(2), verbose=0)


def test_inputs_of_different_row_counts_are_merged():
    image, extra = gw.Input((4, 4, 1)), gw.Input((3,))
    flat = layers.Flatten()(layers.Conv2D(2, 3)(image))
    model = gw.Model([image, extra], layers.Dense(2)(layers.Concatenate()([flat, extra])))
    model.compile("adam", "mse")
    model.fit([rows(4, 4, 1), rows(3)], rows(2), verbose=0)
    assert model.predict([rows(4, 4, 1), rows(3)], verbose=0).shape == (24, 2)


def test_outputs_of_different_row_counts_are_trained():
    x = gw.Input((5, 3))
    every = layers.Dense(2, name="every")(x)
    pooled = layers.Dense(1, name="pooled")(layers.GlobalAveragePooling1D()(x))
    model = gw.Model(x, [every, pooled])
    model.compile("adam", ["mse", "mse"])
    history = model.fit(rows(5, 3), [rows(5, 2), rows(1)], epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    shapes = [each.shape for each in model.predict(rows(5, 3), verbose=0)]
    assert shapes == [(24, 5, 2), (24, 1)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.Conv2D(2, 3)(gw.Input((5, 5))), "expected an input .n, height, width"),
        (lambda: layers.Conv2D(2, 6)(gw.Input((5, 5, 1))), "expected an input of at least"),
        (lambda: layers.Conv1D(2, 3)(gw.Input((None, 5))), "of known sizes"),
        (lambda: layers.Flatten()(gw.Input((None, 5))), "of known sizes"),
        (lambda: layers.Conv1DTranspose(2, 3)(gw.Input((None, 5))), "of known sizes"),
        (
            lambda: layers.Conv1DTranspose(1, 2, 2, "same", 0)(gw.Input((1, 1))),
            "whose output has positions",
        ),
        (lambda: layers.Conv1D(4, 3, groups=2)(gw.Input((5, 3))), "a divisor of the 3 channels"),
        (lambda: layers.PReLU()(gw.Input((None, 5))), "of known sizes"),
        (lambda: layers.PReLU(shared_axes=2)(gw.Input((5,))), "shared_axes: expected axes of"),
        (lambda: layers.UnitNormalization(2)(gw.Input((5,))), "axis: expected some of 2 axes"),
        (lambda: layers.UnitNormalization(1)(gw.Input((None, 5))), "of known sizes"),
        (lambda: layers.SpatialDropout2D(0.5)(gw.Input((5, 3))), "expected an input of 4 axes"),
        (lambda: layers.Dropout(0.5, (None, 2))(gw.Input((5,))), "noise_shape: expected 1, None"),
        (lambda: layers.Reshape((7,))(gw.Input((2, 5))), "as many values as target_shape"),
        (lambda: layers.Permute((2, 1))(gw.Input((5,))), "expected samples of 2 axes"),
        (lambda: layers.GlobalMaxPooling1D()(gw.Input((5,))), "expected an input of 3 axes"),
        (lambda: layers.RepeatVector(2)(gw.Input((5, 2))), "expected samples of one axis"),
        (lambda: layers.Dot(2)([gw.Input((4, 2)), gw.Input((4, 3))]), "of one known width"),
        (lambda: layers.Dot(1)([gw.Input((4, 2)), gw.Input((4, 2))]), "expected axes to be the l"),
        (lambda: layers.Concatenate(axis=0)([gw.Input((4,))] * 2), "expected an axis of"),
        (lambda: layers.Add()([gw.Input((4,)), gw.Input((3,))]), "expected inputs of one shape"),
        (lambda: gw.Input((4,))[:, 4:], "expected at least one index"),
    ],
)
def test_a_wrong_shape_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gw.Input((4,))[0], "expected .:, .... with at most 1 further indices"),
        (lambda: gw.Input((4,))[:, "a"], "expected slices or indices in range"),
        (lambda: gw.Input((4,)) + "a", "unsupported operand"),
        (lambda: gw.Input((4,)) + np.ones(4), "does not support ufuncs|unsupported operand"),
        (lambda: np.ones(4) * gw.Input((4,)), "does not support ufuncs|unsupported operand"),
        (lambda: gw.Input((4,)) / gw.Input((4,)), "unsupported operand"),
        (lambda: list(gw.Input((4,))), "a loop over a symbol"),
    ],
)
def test_a_wrong_operation_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_layer_keeps_the_shape_it_was_built_for():
    layer = layers.Conv2D(2, 3)
    layer(gw.Input((5, 5, 1)))
    with pytest.raises(ValueError, match="for which the layer is built"):
        layer(gw.Input((6, 5, 1)))


@pytest.mark.parametrize("layer", [layers.PReLU(), layers.BatchNormalization(axis=1)])
def test_a_layer_that_reads_sizes_keeps_them(layer):
    layer(gw.Input((5, 5, 1)))
    layer.build((7, 5, 5, 1))  # the count of samples is none of them
    with pytest.raises(ValueError, match="for which the layer is built"):
        layer(gw.Input((5, 6, 1)))


@pytest.mark.parametrize(
    "layer", [layers.Dropout(0.5, (None, 5, 1, 1)), layers.UnitNormalization((1, 2))]
)
def test_a_layer_without_weights_has_a_form_for_each_size(layer):
    layer(gw.Input((5, 5, 1)))
    for shape in ((5, 6, 1), (5, 7, 1), (5, 5, 1)):
        assert layer(rows(*shape)).shape == (24, *shape)


@pytest.mark.parametrize(
    "layer", [layers.PReLU(shared_axes=1), layers.SpatialDropout1D(0.5), layers.AlphaDropout(0.5)]
)
def test_a_layer_that_shares_all_positions_takes_any_count(layer):
    layer(gw.Input((None, 3)))
    assert layer(rows(4, 3)).shape == (24, 4, 3)
    assert layer(rows(2, 3)).shape == (24, 2, 3)


def test_the_first_output_of_a_layer_is_its_symbol():
    model = gw.Sequential(
        [gw.Input((4,)), layers.Dense(3, name="code"), layers.Dense(2, name="end")]
    )
    model.get_layer("code")(rows(4))
    encoder = gw.Model(model.input, model.get_layer("code").output)
    np.testing.assert_array_equal(
        encoder.predict(rows(4), verbose=0), model.get_layer("code")(rows(4))
    )
    assert model.output is model.get_layer("end").output
    with pytest.raises(gw.layers.base.NotBuiltError, match="expected a layer in a model"):
        layers.Dense(2).output  # noqa: B018


# The mean of (y - x)^2 where all x are 1: the variance of the factors. For alpha dropout at rate
# 0.2, where a = 0.878, b = 0.309 and p = -1.758, the mean of (a + b - 1)^2 and (a p + b - 1)^2.
NOISE = {
    "gaussian_noise": (layers.GaussianNoise(2.0), 4.0),
    "dropout": (layers.Dropout(0.5), 1.0),
    "dropout of rows": (layers.Dropout(0.5, (None, None, 1)), 1.0),
    "spatial dropout": (layers.SpatialDropout1D(0.5), 1.0),
    "gaussian dropout": (layers.GaussianDropout(0.2), 0.25),
    "alpha dropout": (layers.AlphaDropout(0.2), 1.028),
}


@pytest.mark.parametrize("name", NOISE)
def test_noise_is_there_in_training_alone_and_the_same_for_any_thread_count(name):
    layer, expected = NOISE[name]
    x = np.ones((400, 4, 6), np.float32)
    losses = []
    for threads in (1, 2, 5):
        gw.set_num_threads(threads)
        gw.utils.set_random_seed(0)
        model = gw.Sequential([gw.Input((4, 6)), type(layer).from_config(layer.get_config())])
        model.compile("sgd", "mse")
        losses.append([model.train_on_batch(x, x) for _ in range(3)])
        np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    gw.set_num_threads(None)
    assert losses[0] == losses[1] == losses[2]
    assert len(set(losses[0])) == 3 or name.startswith(("dropout", "spatial"))
    # At least 1,600 independent draws, whose squares have a deviation of at most 1.4 times their
    # mean: 5 standard errors.
    assert abs(np.mean(losses[0]) - expected) < 5 * 1.4 / np.sqrt(3 * 1600) * expected
