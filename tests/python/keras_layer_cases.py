"""Models of single layers in the API that Keras and Gatewise share, for `test_keras_layers.py`.

Each case is a function of the library: `keras` when the stored numbers are made
(`tests/keras/make_layers_figures.py`), `gatewise` in the test. Weights and data are drawn here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SAMPLES, EPOCHS, BATCH = 24, 3, 8
RATE = 0.05


def rows(*shape: int, seed: int = 1) -> Any:
    """Normal values for all samples."""
    return np.random.default_rng(seed).standard_normal((SAMPLES, *shape)).astype(np.float32)


def ids(*shape: int) -> Any:
    """Integers from 0 to 11."""
    return np.random.default_rng(2).integers(0, 12, (SAMPLES, *shape)).astype(np.int32)


def image_case(*names_and_arguments: Any) -> Callable[[Any], Any]:
    """Layers between two convolutions and a dense output, on samples (8, 7, 2)."""

    def build(library: Any) -> Any:
        layers = library.layers
        middle = [
            getattr(layers, name)(*given, **settings)
            for name, given, settings in names_and_arguments
        ]
        return library.Sequential(
            [library.Input((8, 7, 2)), *middle, layers.Flatten(), layers.Dense(3)]
        )

    return build


def time_case(*names_and_arguments: Any, flat: bool = True) -> Callable[[Any], Any]:
    """Layers before a dense output, on samples (9, 4)."""

    def build(library: Any) -> Any:
        layers = library.layers
        middle = [
            getattr(layers, name)(*given, **settings)
            for name, given, settings in names_and_arguments
        ]
        end = [layers.Flatten()] if flat else []
        return library.Sequential([library.Input((9, 4)), *middle, *end, layers.Dense(3)])

    return build


def one(name: str, *given: Any, **settings: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A layer's name and arguments."""
    return name, given, settings


def merge_case(name: str, *given: Any, second: int = 5, **settings: Any) -> Callable[[Any], Any]:
    """Two dense layers of one input, merged."""

    def build(library: Any) -> Any:
        layers = library.layers
        x = library.Input((9, 4))
        a, b = layers.Dense(5, activation="tanh")(x), layers.Dense(second)(x)
        y = getattr(layers, name)(*given, **settings)([a, b])
        return library.Model(x, layers.Dense(3)(layers.Flatten()(y)))

    return build


def dot_rows(library: Any) -> Any:
    layers = library.layers
    x = library.Input((9, 4))
    flat = layers.Flatten()(x)
    y = layers.Dot(axes=1)([layers.Dense(5)(flat), layers.Dense(5, activation="tanh")(flat)])
    return library.Model(x, layers.Dense(3)(y))


def dot_pairs(library: Any) -> Any:
    layers = library.layers
    x = library.Input((9, 4))
    y = layers.Dot(axes=2)([layers.Dense(5)(x), layers.Dense(5, activation="tanh")(x)])
    return library.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def concatenate_rows(library: Any) -> Any:
    layers = library.layers
    x = library.Input((9, 4))
    pooled = layers.MaxPooling1D(3)(x)
    y = layers.Concatenate(axis=1)([x, pooled])
    return library.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def operators(library: Any) -> Any:
    layers = library.layers
    x = library.Input((9, 4))
    a, b = layers.Dense(4)(x), layers.Dense(4, activation="tanh")(x)
    y = (2.0 * a + b - 1.0) * b / 3.0 - (1.0 - a)
    y = y[:, 1:8:2, :3] + (-y)[:, 0:4, 1:]
    return library.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def embedded(library: Any) -> Any:
    layers = library.layers
    x = library.Input((9,), dtype="int32")
    y = layers.GlobalAveragePooling1D()(layers.Embedding(12, 6)(x))
    return library.Model(x, layers.Dense(3)(y))


def embedded_free_length(library: Any) -> Any:
    layers = library.layers
    x = library.Input((None,), dtype="int32")
    y = layers.GlobalMaxPooling1D()(layers.Dense(5)(layers.Embedding(12, 6)(x)))
    return library.Model(x, layers.Dense(3)(y))


def sums_of_gradients(library: Any) -> Any:
    """One value read by many layers, whose gradients are added."""
    layers = library.layers
    x = library.Input((9, 4))
    a = layers.Dense(4, activation="tanh")(x)
    as_before = layers.Permute((2, 1))(layers.Permute((2, 1))(a))
    parts = [
        a,
        layers.BatchNormalization()(a),
        layers.RMSNormalization()(a),
        layers.LeakyReLU()(a),
        layers.Rescaling(0.5)(a),
        layers.Conv1D(4, 3, padding="same")(a),
        layers.MaxPooling1D(3, strides=1, padding="same")(a),
        layers.AveragePooling1D(3, strides=1, padding="same")(a),
        layers.RepeatVector(9)(layers.GlobalMaxPooling1D()(a)),
        layers.RepeatVector(9)(layers.GlobalAveragePooling1D()(a)),
        layers.Maximum()([as_before, a]),
        layers.Average()([a, as_before]),
        layers.Concatenate(axis=1)([a[:, :3], a[:, 3:]]),
        layers.Dot(axes=2)([layers.Dot(axes=2)([a, a]), layers.Reshape((4, 9))(a)]),
    ]
    return library.Model(x, layers.Dense(3)(layers.Flatten()(0.1 * layers.Add()(parts))))


def one_layer_twice(library: Any) -> Any:
    layers = library.layers
    x = library.Input((8, 7, 2))
    shared = layers.Conv2D(2, 3, padding="same")
    y = shared(layers.ReLU()(shared(x)))
    return library.Model(x, layers.Dense(3)(layers.Flatten()(y)))


def standardized(library: Any) -> Any:
    layers = library.layers
    normalization = layers.Normalization()
    normalization.adapt(rows(9, 4, seed=3))
    return library.Sequential(
        [library.Input((9, 4)), normalization, layers.Flatten(), layers.Dense(3)]
    )


CASES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "conv2d": (rows(8, 7, 2), image_case(one("Conv2D", 5, 3))),
    "conv2d_same_strides": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 5, (3, 2), strides=2, padding="same", activation="relu")),
    ),
    "conv2d_dilated": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 3, 3, dilation_rate=(2, 1), use_bias=False, activation="gelu")),
    ),
    "conv2d_pool": (
        rows(8, 7, 2),
        image_case(
            one("Conv2D", 4, 3, padding="same", activation="relu"),
            one("MaxPooling2D"),
            one("Conv2D", 4, 2, activation="tanh"),
        ),
    ),
    "max_pooling_same": (
        rows(8, 7, 2),
        image_case(one("MaxPooling2D", 3, strides=2, padding="same"), one("Conv2D", 3, 2)),
    ),
    "average_pooling": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 3, 2), one("AveragePooling2D", (2, 3), strides=(1, 2))),
    ),
    "average_pooling_same": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 3, 2), one("AveragePooling2D", 3, strides=1, padding="same")),
    ),
    "batch_normalization_2d": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 4, 3), one("BatchNormalization", momentum=0.8), one("ReLU")),
    ),
    "conv1d": (rows(9, 4), time_case(one("Conv1D", 5, 3, strides=2))),
    "conv1d_causal": (
        rows(9, 4),
        time_case(one("Conv1D", 5, 3, padding="causal", dilation_rate=2, activation="relu")),
    ),
    "conv1d_causal_strides": (
        rows(9, 4),
        time_case(one("Conv1D", 5, 3, padding="causal", strides=2)),
    ),
    "pooling1d": (
        rows(9, 4),
        time_case(one("Dense", 5), one("MaxPooling1D", 2), one("AveragePooling1D", 2, strides=1)),
    ),
    "global_max": (
        rows(9, 4),
        time_case(one("Dense", 5, activation="relu"), one("GlobalMaxPooling1D"), flat=False),
    ),
    "global_average": (
        rows(9, 4),
        time_case(one("Dense", 5), one("GlobalAveragePooling1D"), flat=False),
    ),
    "global_average_2d": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 4, 3), one("GlobalAveragePooling2D")),
    ),
    "global_max_2d": (
        rows(8, 7, 2),
        image_case(one("Conv2D", 4, 3), one("GlobalMaxPooling2D")),
    ),
    "batch_normalization": (
        rows(9, 4),
        time_case(one("Dense", 5), one("BatchNormalization"), one("Activation", "tanh")),
    ),
    "batch_normalization_plain": (
        rows(9, 4),
        time_case(one("BatchNormalization", center=False, scale=False, epsilon=0.01)),
    ),
    "rms_normalization": (rows(9, 4), time_case(one("Dense", 5), one("RMSNormalization"))),
    "normalization": (rows(9, 4), standardized),
    "rescaling": (rows(9, 4), time_case(one("Rescaling", 0.5, offset=-0.25))),
    "reshape_permute": (
        rows(9, 4),
        time_case(one("Reshape", (2, 6, 3)), one("Permute", (3, 1, 2)), one("Dense", 4)),
    ),
    "repeat_vector": (
        rows(9, 4),
        time_case(one("GlobalAveragePooling1D"), one("RepeatVector", 3), one("Dense", 4)),
    ),
    "relu_pieces": (
        rows(9, 4),
        time_case(one("Dense", 5), one("ReLU", max_value=0.8, negative_slope=0.1, threshold=0.2)),
    ),
    "leaky_relu": (rows(9, 4), time_case(one("Dense", 5), one("LeakyReLU", negative_slope=0.2))),
    "softmax": (rows(9, 4), time_case(one("Dense", 5), one("Softmax"))),
    "average": (rows(9, 4), merge_case("Average")),
    "maximum": (rows(9, 4), merge_case("Maximum")),
    "minimum": (rows(9, 4), merge_case("Minimum")),
    "multiply_broadcast": (rows(9, 4), merge_case("Multiply", second=1)),
    "add_broadcast": (rows(9, 4), merge_case("Add", second=1)),
    "dot_rows": (rows(9, 4), dot_rows),
    "dot_pairs": (rows(9, 4), dot_pairs),
    "concatenate_rows": (rows(9, 4), concatenate_rows),
    "operators": (rows(9, 4), operators),
    "embedding": (ids(9), embedded),
    "embedding_free_length": (ids(7), embedded_free_length),
    "sums_of_gradients": (rows(9, 4), sums_of_gradients),
    "one_layer_twice": (rows(8, 7, 2), one_layer_twice),
}


def results(library: Any, name: str) -> dict[str, Any]:
    """What a case gives: predictions, a history of training, predictions after it."""
    x, build = CASES[name]
    model = build(library)
    rng = np.random.default_rng(5)
    weights = []
    for before in model.get_weights():
        # Variances and counts stay as they are; kernels and biases get values of their own.
        drawn = (0.3 * rng.standard_normal(before.shape)).astype(np.float32)
        is_state = before.ndim < 1 or np.all(before == 1) or name == "normalization"
        weights.append(before if is_state else drawn)
    weights = model.get_weights() if name == "normalization" else weights
    if name == "normalization":
        weights[-2:] = [np.full_like(weights[-2], 0.1), np.full_like(weights[-1], -0.2)]
    model.set_weights(weights)
    y = np.random.default_rng(4).standard_normal((SAMPLES, 3)).astype(np.float32)
    model.compile(optimizer=library.optimizers.SGD(RATE), loss="mse")
    before = np.asarray(model.predict(x, verbose=0))
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0).history
    after = np.asarray(model.predict(x, verbose=0))
    evaluated = model.evaluate(x, y, batch_size=BATCH, verbose=0)
    return {
        "shape": list(before.shape),
        "before": [round(float(v), 6) for v in before.ravel()[:12]],
        "loss": [float(v) for v in history["loss"]],
        "after": [round(float(v), 6) for v in after.ravel()[:12]],
        "evaluate": float(evaluated),
        "parameters": int(model.count_params()),
    }
