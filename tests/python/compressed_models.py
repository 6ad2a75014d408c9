"""Models with many zero weights, for tests of their compressed form."""

from __future__ import annotations

from typing import Any

import numpy as np

import gatewise as gw
from gatewise.layers import Dense

FORMS = ["csr", "blocks"]
X = np.random.default_rng(0).normal(size=(70, 90)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 70)


def with_zeros(array: np.ndarray, density: float = 0.1) -> np.ndarray:
    """The array with about `density` nonzeros; every fifth input and third unit is empty."""
    kept = np.random.default_rng(2).random(array.shape) < density
    kept[..., ::5, :] = False
    kept[..., ::3] = False
    return np.where(kept, array, 0).astype(np.float32)


def prune(model: Any) -> Any:
    """Sets most kernel weights to zero in all layers of a model except the last."""
    for layer in model.layers[:-1]:
        if not layer.parameters():
            continue
        weights = layer.named_weights().items()
        layer.set_weights(
            [with_zeros(each) if "kernel" in name else np.cos(each) for name, each in weights]
        )
    return model


def stack(**options: Any) -> gw.Sequential:
    layers = [Dense(37, activation="relu", **options), Dense(50), Dense(3, activation="softmax")]
    model = gw.Sequential([gw.Input(shape=(90,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return prune(model)


def functional() -> gw.Model:
    """A model that uses one layer twice, on rows of two axes, with two outputs."""
    inputs = gw.Input(shape=(4, 90))
    layer = Dense(90, activation="tanh", name="twice")
    once = layer(inputs)
    head = Dense(2, name="head")(gw.layers.Concatenate()([layer(once), once]))
    return prune(gw.Model(inputs, [head, once]))
