"""Layers without experts: agreement with NumPy, configuration, wrong use."""

import numpy as np
import pytest

import gatewise as gw
from gatewise import layers

_CLOSE = {"rtol": 2e-6, "atol": 2e-6}  # sums of a few float32 products


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))


def _gelu(z):
    from scipy.special import ndtr

    return z * ndtr(z)


_ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.2 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(z)),
    "selu": _selu,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "gelu": _gelu,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softmax": _softmax,
    "exponential": np.exp,
    "relu6": lambda z: np.clip(z, 0, 6),
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
    "hard_silu": lambda z: z * np.clip(z / 6 + 0.5, 0, 1),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "hard_shrink": lambda z: np.where(np.abs(z) > 0.5, z, 0),
    "soft_shrink": lambda z: np.sign(z) * np.maximum(np.abs(z) - 0.5, 0),
    "tanh_shrink": lambda z: z - np.tanh(z),
    "sparse_plus": lambda z: np.where(z >= 1, z, np.clip(z + 1, 0, 2) ** 2 / 4),
    "sparse_sigmoid": lambda z: np.clip((z + 1) / 2, 0, 1),
    "log_sigmoid": lambda z: -np.log1p(np.exp(-z)),
    "mish": lambda z: z * np.tanh(np.log1p(np.exp(z))),
    "squareplus": lambda z: (z + np.sqrt(z**2 + 4)) / 2,
}


def test_every_activation_has_a_reference():
    assert list(_ACTIVATIONS) == gw.activations.names()


@pytest.mark.parametrize("name", _ACTIVATIONS)
def test_activations_agree_with_keras(name, x):
    expected = _ACTIVATIONS[name](x.astype(np.float64))
    np.testing.assert_allclose(layers.Activation(name)(x), expected, **_CLOSE)
    dense = layers.Dense(5, activation=name, kernel_initializer="orthogonal")
    z = x.astype(np.float64) @ _kernel(dense, x) + dense.get_weights()[1]
    np.testing.assert_allclose(dense(x), _ACTIVATIONS[name](z), rtol=1e-5, atol=1e-5)


def _kernel(layer, x):
    layer(x)
    return layer.get_weights()[0].astype(np.float64)


def test_dense_without_bias_has_one_parameter(x):
    layer = layers.Dense(3, use_bias=False)
    np.testing.assert_allclose(layer(x), x @ _kernel(layer, x), **_CLOSE)
    assert len(layer.get_weights()) == 1


def test_dense_starts_with_the_values_of_its_initializers(x):
    layer = layers.Dense(3, kernel_initializer="he_normal", bias_initializer="ones")
    layer(x)
    kernel, bias = layer.get_weights()
    assert np.array_equal(bias, np.ones(3))
    assert len(np.unique(kernel)) == kernel.size


def test_dropout_changes_nothing_at_inference(x):
    assert np.array_equal(layers.Dropout(0.5)(x), x)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization_agrees_with_keras(x, center, scale):
    layer = layers.LayerNormalization(
        center=center, scale=scale, beta_initializer="random_normal", gamma_initializer="he_uniform"
    )
    y = layer(x)
    named = layer.named_weights()
    x64 = x.astype(np.float64)
    mean = x64.mean(axis=-1, keepdims=True)
    variance = x64.var(axis=-1, keepdims=True)
    expected = (x64 - mean) / np.sqrt(variance + 1e-3)
    expected = expected * named.get("gamma", 1) + named.get("beta", 0)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    assert ("gamma" in named, "beta" in named) == (scale, center)


def test_add_multiply_and_concatenate(x):
    z = x[::-1].copy()
    np.testing.assert_array_equal(layers.Add()([x, z]), x + z)
    np.testing.assert_array_equal(layers.Multiply()([x, z]), x * z)
    np.testing.assert_array_equal(layers.Concatenate()([x, z]), np.concatenate([x, z], axis=-1))
    np.testing.assert_array_equal(layers.add([x, z]), x + z)
    np.testing.assert_array_equal(layers.multiply([x, z]), x * z)
    np.testing.assert_array_equal(layers.concatenate([x, z[:, :2]])[:, 5:], z[:, :2])


def test_adding_different_widths_shows_both_shapes():
    a, b = gw.Input(shape=(3,)), gw.Input(shape=(4,))
    for layer in (layers.Add(name="join"), layers.Multiply(name="join")):
        with pytest.raises(
            ValueError, match=r"join: expected inputs of one shape, got \(None, 3\) and \(None, 4\)"
        ):
            layer([a, b])
    assert layers.Concatenate()([a, b]).shape == (None, 7)


def test_concatenating_different_leading_axes_shows_both_shapes():
    a, b = gw.Input(shape=(2, 3)), gw.Input(shape=(5, 3))
    with pytest.raises(ValueError, match=r"up to the last axis, got \(None, 2, 3\) and \(None, 5"):
        layers.Concatenate()([a, b])


def test_merging_one_input_is_refused(x):
    with pytest.raises(ValueError, match=r"join: expected two inputs or more in a list, got 1"):
        layers.Add(name="join")(gw.Input(shape=(3,)))
    with pytest.raises(ValueError, match=r"head: expected one input, got 2"):
        layers.Dense(2, name="head")([gw.Input(shape=(3,)), gw.Input(shape=(3,))])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Dense(0), ValueError, "units: expected an integer >= 1, got 0"),
        (lambda: layers.Dense("3"), TypeError, "units: expected an integer >= 1, got '3'"),
        (lambda: layers.Dense(3, use_bias=1), TypeError, "use_bias: expected True or False, got 1"),
        (lambda: layers.Dense(3, "rellu"), ValueError, "activation: expected one of linear, relu"),
        (
            lambda: layers.Dense(3, kernel_initializer="glorot"),
            ValueError,
            "kernel_initializer: expected one of constant, zeros",
        ),
        (
            lambda: layers.Dense(3, kernel_regularizer="l3"),
            ValueError,
            "kernel_regularizer: expected one of l1, l2, l1_l2, group_l1; got 'l3'",
        ),
        (lambda: layers.Dropout(1.0), ValueError, "rate: expected a number below 1, got 1.0"),
        (lambda: layers.Dropout(-0.1), ValueError, r"rate: expected a number in \[0, 1\], got -0"),
        (lambda: layers.LayerNormalization(axis=0), ValueError, "axis: expected an axis of a samp"),
        (lambda: layers.BatchNormalization(axis=(1, 2)), ValueError, "axis: expected one axis"),
        (lambda: layers.Conv2D(2, (3, 3, 3)), ValueError, r"kernel_size: expected 2 sizes, got \("),
        (
            lambda: layers.Conv2D(2, 3, padding="full"),
            ValueError,
            "padding: expected one of 'valid'",
        ),
        (
            lambda: layers.Conv2D(2, 3, groups=3),
            ValueError,
            "groups: expected a divisor of the 2 f",
        ),
        (
            lambda: layers.Conv1D(2, 3, strides=2, dilation_rate=2),
            ValueError,
            "strides, dilation_rate: expected one of them 1",
        ),
        (lambda: layers.MaxPooling2D(0), ValueError, "pool_size: expected an integer >= 1, got 0"),
        (
            lambda: layers.Reshape((-1, -1)),
            ValueError,
            "target_shape: expected sizes of at least 1",
        ),
        (lambda: layers.Permute((1, 3)), ValueError, "dims: expected each of 1 to their count"),
        (lambda: layers.Normalization(mean=1.0), ValueError, "mean, variance: expected both"),
        (lambda: layers.Dot((1, 1, 1)), ValueError, "axes: expected one or two integers"),
        (lambda: layers.Embedding(3, 2, mask_zero=True), TypeError, "Embedding: mask_zero"),
    ],
)
def test_a_wrong_setting_is_refused(make, error, message):
    with pytest.raises(error, match=f"^{message}"):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, "relu", kernel_regularizer="l1", kernel_initializer="he_normal", seed=4),
        layers.Activation("gelu"),
        layers.Dropout(0.25, trainable=False),
        layers.LayerNormalization(epsilon=1e-5, center=False),
        layers.Add(),
        layers.Multiply(name="product"),
        layers.Concatenate(),
        layers.Conv2DTranspose(3, 3, strides=2, output_padding=1, bias_constraint="non_neg"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, depthwise_regularizer="l2"),
        layers.SeparableConv1D(3, 3, pointwise_constraint="max_norm"),
        layers.PReLU(alpha_regularizer="l1", shared_axes=2),
        layers.UnitNormalization((1, 2)),
        layers.AlphaDropout(0.2, [None, 1], seed=3),
        layers.SpatialDropout3D(0.2, data_format="channels_first"),
    ],
)
def test_layers_are_restored_from_their_configuration(layer):
    restored = type(layer).from_config(layer.get_config())
    assert restored.get_config() == layer.get_config()
    assert not restored.has_shape


def test_input_accepts_shapes_like_keras():
    assert gw.Input(shape=(3, None, 4)).shape == (None, 3, None, 4)
    assert gw.Input(batch_shape=(None, 4), dtype="float32", name="x").name == "x"
    assert gw.Input(shape=(4,), batch_size=8).shape == gw.Input(batch_shape=(8, 4)).shape


@pytest.mark.parametrize("dtype", [None, "float32", np.float32, np.dtype("float32")])
def test_float32_is_accepted_as_dtype_everywhere(dtype):
    gw.Input(shape=(3,), dtype=dtype)
    gw.layers.Dense(2, dtype=dtype)
    gw.SparseExpertLayer(2, num_experts=2, k=1, dtype=dtype)
    gw.losses.MeanSquaredError(dtype=dtype)
    gw.losses.SparseCategoricalCrossentropy(dtype=dtype)
    gw.metrics.BinaryAccuracy(dtype=dtype)


@pytest.mark.parametrize("dtype", ["float16", np.float64, "bfloat16", 3])
def test_another_dtype_is_refused_everywhere(dtype):
    for make in (
        lambda: gw.Input(shape=(3,), dtype="complex64"),
        lambda: gw.layers.Dense(2, dtype=dtype),
        lambda: gw.losses.MeanSquaredError(dtype=dtype),
        lambda: gw.metrics.BinaryAccuracy(dtype=dtype),
    ):
        with pytest.raises(TypeError, match=r"dtype(: expected| is not supported)"):
            make()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": 4}, TypeError, r"shape: expected a tuple of sizes such as \(784,\), got 4"),
        ({}, TypeError, "shape: expected a tuple of sizes .* got None"),
        (
            {"shape": ()},
            ValueError,
            r"shape: expected a tuple .* got \(\); the last axis is",
        ),
        ({"shape": (4, None)}, ValueError, "the last axis is the features and has a known size"),
        ({"shape": (0,)}, ValueError, r"shape: expected a tuple .* got \(0,\)"),
        ({"shape": (4,), "batch_size": 0}, ValueError, "batch_size: expected an integer >= 1"),
        ({"shape": (4,), "dtype": "bool"}, TypeError, "dtype: expected 'float32' or an integer"),
    ],
)
def test_a_wrong_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        gw.Input(**arguments)
