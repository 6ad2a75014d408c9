"""Trainings that Keras and this package run alike: `keras` is either of them."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS, WIDTH = 12, 3
CLASSES = np.arange(ROWS) * 5 % 3
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
TARGETS: dict[str, Any] = {
    "labels": CLASSES,
    "labels of bytes (n, 1)": CLASSES.astype(np.uint8)[:, np.newaxis],
    "one-hot": ONE_HOT,
    "binary": (CLASSES > 0).astype(np.float32),
    "binary (n, 1)": (CLASSES > 0)[:, np.newaxis],
    "signs": np.where(CLASSES > 0, 1.0, -1.0).astype(np.float32),
    "class numbers": CLASSES.astype(np.float32),
}

WEIGHTED: list[tuple[str, str, int, str | None, dict[int, float]]] = [
    ("sparse_categorical_crossentropy", "labels", 3, "softmax", {0: 0.5, 1: 2.0, 2: 3.0}),
    ("sparse_categorical_crossentropy", "labels of bytes (n, 1)", 3, "softmax", {1: 2.0}),
    ("categorical_crossentropy", "one-hot", 3, "softmax", {0: 0.5, 2: 3.0}),
    ("categorical_focal_crossentropy", "one-hot", 3, "softmax", {0: 0.5, 2: 3.0}),
    ("kl_divergence", "one-hot", 3, "softmax", {0: 0.5, 2: 3.0}),
    ("categorical_hinge", "one-hot", 3, None, {0: 0.5, 2: 3.0}),
    ("mse", "one-hot", 3, None, {0: 0.5, 2: 3.0}),
    ("cosine_similarity", "one-hot", 3, None, {0: 0.5, 2: 3.0}),
    ("binary_crossentropy", "binary", 1, "sigmoid", {0: 0.5, 1: 3.0}),
    ("mse", "binary", 1, None, {0: 0.5, 1: 3.0}),
    ("mae", "binary (n, 1)", 1, None, {0: 0.5, 1: 3.0}),
    ("hinge", "signs", 1, None, {-1: 0.5, 1: 3.0}),
    ("hinge", "binary", 1, None, {0: 0.5, 1: 3.0}),
    ("huber", "class numbers", 1, None, {0: 0.5, 2: 3.0}),
    ("poisson", "class numbers", 1, "softplus", {0: 0.5, 2: 3.0}),
]
"""Loss, targets, units, activation and class weights."""

CROSSENTROPIES: list[tuple[str, str, int, str]] = [
    ("crossentropy", "labels", 3, "softmax"),
    ("ce", "labels of bytes (n, 1)", 3, "softmax"),
    ("CE", "one-hot", 3, "softmax"),
    ("ce", "binary", 1, "sigmoid"),
    ("crossentropy", "binary (n, 1)", 1, "sigmoid"),
]
"""Loss, targets, units and activation."""


def inputs() -> np.ndarray:
    """Rows (n, d) that need no random numbers."""
    return np.sin(np.arange(ROWS * WIDTH, dtype=np.float32)).reshape(ROWS, WIDTH)


def made(keras: Any, loss: Any, units: int, activation: str | None) -> Any:
    """One dense layer with known weights, compiled with SGD."""
    parts = [keras.layers.Input((WIDTH,)), keras.layers.Dense(units, activation=activation)]
    model = keras.Sequential(parts)
    kernel = np.cos(np.arange(WIDTH * units, dtype=np.float32)).reshape(WIDTH, units)
    model.set_weights([kernel, np.zeros(units, np.float32)])
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def losses(
    keras: Any,
    loss: str,
    targets: str,
    units: int,
    activation: str | None,
    class_weight: dict[int, float] | None = None,
) -> list[float]:
    """The losses of three epochs in batches of four rows, and that of an evaluation."""
    model, y = made(keras, loss, units, activation), TARGETS[targets]
    options: dict[str, Any] = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    history = model.fit(inputs(), y, class_weight=class_weight, **options).history
    return [*history["loss"], model.evaluate(inputs(), y, verbose=0)]


def empty_history(keras: Any, **options: Any) -> dict[str, list[float]]:
    """The history of a call of `fit` without epochs."""
    model = made(keras, "mse", 1, None)
    found = model.fit(inputs(), TARGETS["binary"], epochs=0, verbose=0, **options)
    return dict(found.history)
