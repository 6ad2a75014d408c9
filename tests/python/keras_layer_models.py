"""Models for `keras_layer_cases.py`: functions of the library, `keras` or `gatewise`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SAMPLES = 24


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


def constrained_case(name: str, *given: Any, **settings: Any) -> Callable[[Any], Any]:
    """A constraint on a kernel, and one on its bias."""

    def build(library: Any) -> Any:
        layers = library.layers
        constraint = getattr(library.constraints, name)(*given, **settings)
        dense = layers.Dense(
            5, kernel_constraint=constraint, bias_constraint="max_norm", activation="tanh"
        )
        return library.Sequential([library.Input((9, 4)), dense, layers.Flatten(), layers.Dense(3)])

    return build


def constrained_convolution(axis: list[int]) -> Callable[[Any], Any]:
    """A bound on norms over some axes of a kernel."""

    def build(library: Any) -> Any:
        layers = library.layers
        constraint = library.constraints.MaxNorm(0.5, axis=axis)
        convolution = layers.Conv2D(4, 3, kernel_constraint=constraint)
        return library.Sequential(
            [library.Input((8, 7, 2)), convolution, layers.Flatten(), layers.Dense(3)]
        )

    return build


def constrained_embedding(library: Any) -> Any:
    layers = library.layers
    x = library.Input((9,), dtype="int32")
    constraint = library.constraints.UnitNorm(axis=1)
    y = layers.Embedding(
        12, 6, embeddings_constraint=constraint, embeddings_regularizer=library.regularizers.L2(0.1)
    )(x)
    return library.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(y)))


def regularized(library: Any) -> Any:
    layers, l1_l2 = library.layers, library.regularizers.L1L2
    dense = layers.Dense(
        5,
        kernel_regularizer=library.regularizers.L2(0.02),
        bias_regularizer=library.regularizers.L2(0.05),
        activity_regularizer=l1_l2(0.01, 0.02),
        activation="tanh",
    )
    return library.Sequential([library.Input((9, 4)), dense, layers.Flatten(), layers.Dense(3)])


def channels_first_case(*names_and_arguments: Any, shape: Any = (2, 8, 7)) -> Callable[[Any], Any]:
    """Layers with the axis of channels before the positions."""

    def build(library: Any) -> Any:
        layers = library.layers
        middle = [
            getattr(layers, name)(*given, data_format="channels_first", **settings)
            for name, given, settings in names_and_arguments
        ]
        return library.Sequential(
            [library.Input(shape), *middle, layers.Flatten(), layers.Dense(3)]
        )

    return build


def standardized(library: Any) -> Any:
    layers = library.layers
    normalization = layers.Normalization()
    normalization.adapt(rows(9, 4, seed=3))
    return library.Sequential(
        [library.Input((9, 4)), normalization, layers.Flatten(), layers.Dense(3)]
    )
