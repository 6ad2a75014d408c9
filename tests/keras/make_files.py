"""Writes the `.keras` files of tests/keras/figures, and checks that Keras reads ours.

KERAS_BACKEND=torch python tests/keras/make_files.py      (needs keras, torch and gatewise)
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = Path(__file__).parent / "figures"
sys.path.insert(0, str(FIGURES.parents[1] / "python"))


def functional_model() -> Any:
    """A graph with a merge, and layers with state, regularizer and seed."""
    import keras
    from keras import layers

    x = keras.Input((4,), name="in")
    y = layers.Add()([layers.Dense(3, activation="relu", name="a")(x), layers.Dense(3)(x)])
    y = layers.Dropout(0.2)(layers.BatchNormalization()(y))
    y = layers.Dense(2, activation="softmax", kernel_regularizer="l2")(y)
    model = keras.Model(x, y)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((8, 4)), np.arange(8) % 2, verbose=0)
    return model


def sequential_model() -> Any:
    """A convolution, compiled with the default optimizer."""
    import keras
    from keras import layers

    parts = [keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential(parts)
    model.compile(loss="mse")
    return model


def nested_model() -> Any:
    """Models within a model, one of two outputs."""
    import keras
    from keras import layers

    x = keras.Input((4,))
    hidden = layers.Dense(3, activation="relu")(x)
    encoder = keras.Model(x, [layers.Dense(2)(hidden), layers.Dense(2)(hidden)], name="encoder")
    parts = [layers.Dense(3, activation="relu"), layers.Dense(4)]
    decoder = keras.Sequential(parts, name="decoder")
    y = keras.Input((4,))
    return keras.Model(y, decoder(layers.Add()(encoder(y))))


def normalized_model() -> Any:
    """Statistics that are settings, and functions as loss and metric."""
    import keras
    from keras import layers

    parts = [keras.Input((2,)), layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.25])]
    model = keras.Sequential([*parts, layers.Dense(1, kernel_initializer="lecun_normal")])
    mae = keras.metrics.mean_absolute_error
    model.compile("sgd", keras.losses.mean_squared_error, metrics=[mae])
    return model


def main() -> None:
    """Writes Keras' files with their predictions, then reads a file of ours for each case."""
    import keras

    import gatewise as gw
    from keras_layer_cases import CASES
    from keras_position_cases import DROPOUTS

    warnings.simplefilter("ignore")
    makers = {
        "functional": functional_model,
        "sequential": sequential_model,
        "nested": nested_model,
        "normalized": normalized_model,
    }
    for name, make in makers.items():
        model = make()
        model.save(FIGURES / f"{name}.keras")
        x = np.ones((2, *model.input_shape[1:]), np.float32)
        np.save(FIGURES / f"{name}_predictions.npy", model.predict(x, verbose=0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.keras"
        for name, (x, build) in {**CASES, "dropouts": DROPOUTS}.items():
            ours = build(gw)
            try:
                ours.save(path)
            except ValueError as error:
                print(f"{name}: {str(error).partition(': ')[2]}")
                continue
            theirs = keras.models.load_model(path)
            difference = np.abs(theirs.predict(x, verbose=0) - ours.predict(x, verbose=0)).max()
            print(f"{name}: read by Keras, largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
