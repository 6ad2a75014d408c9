"""Normalization learns the columns' means and variances before training."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
scale = np.array([1.0, 100.0, 0.01, 10.0], dtype="float32")
x = (rng.normal(size=(600, 4)) * scale + 5 * scale).astype("float32")
y = (x / scale).sum(axis=1, keepdims=True) - 20.0

normalize = layers.Normalization(axis=-1)
normalize.adapt(x)

standard = np.asarray(normalize(x))
np.testing.assert_allclose(standard.mean(axis=0), 0.0, atol=1e-3)
np.testing.assert_allclose(standard.std(axis=0), 1.0, atol=1e-3)

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4,)), normalize, layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
model.fit(x, y, epochs=30, batch_size=32, verbose=0)
assert model.evaluate(x, y, verbose=0) < 0.01
