"""Copies of models, models to an inner layer, and weights as attributes."""

import keras
import numpy as np
from keras import layers
from keras.models import Model, clone_model

keras.utils.set_random_seed(0)
inputs = keras.Input(shape=(5,))
x = layers.Dense(8, activation="relu", name="features")(inputs)
x = layers.Dense(4, activation="relu", name="head")(x)
outputs = layers.Dense(1)(x)
m = Model(inputs, outputs)
m.compile("adam", loss="mse")
rows = np.random.default_rng(0).normal(size=(20, 5)).astype("float32")

features = Model(m.input, m.get_layer("features").output)
dense = m.get_layer("features")
expected = np.maximum(rows @ np.array(dense.kernel) + np.array(dense.bias), 0)
np.testing.assert_allclose(features.predict(rows, verbose=0), expected, rtol=1e-4, atol=1e-6)

assert len(m.weights) == 6
assert [tuple(w.shape) for w in m.trainable_weights][:2] == [(5, 8), (8,)]
dense.trainable = False
assert len(m.trainable_weights) == 4
assert len(m.non_trainable_weights) == 2
m.compile("adam", loss="mse")
frozen = dense.get_weights()[0]
m.fit(rows, rows[:, :1], epochs=2, verbose=0)
np.testing.assert_array_equal(dense.get_weights()[0], frozen)

copy = clone_model(m)
assert [layer.name for layer in copy.layers][1:] == ["features", "head", m.layers[-1].name]
assert not np.allclose(copy.get_weights()[0], m.get_weights()[0])
copy.set_weights(m.get_weights())
np.testing.assert_allclose(copy.predict(rows, verbose=0), m.predict(rows, verbose=0), rtol=1e-6)
