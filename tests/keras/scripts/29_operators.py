"""Operators and slices on symbolic values, and activations as functions."""

import keras
import numpy as np
from keras import activations, layers

keras.utils.set_random_seed(0)
inputs = keras.Input(shape=(6,))
h = layers.Dense(6)(inputs)
h = activations.relu(h)
x = inputs + h
left, right = x[:, :3], x[:, 3:]
gated = left * activations.sigmoid(right)
outputs = layers.Dense(1, name="out")(2 * gated - 1.0)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")

rows = np.random.default_rng(0).normal(size=(256, 6)).astype("float32")
target = rows[:, :1] * (rows[:, 3:4] > 0)
history = model.fit(rows, target, epochs=20, batch_size=32, verbose=0)
assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]

w, b, w_out, b_out = model.get_weights()
x = rows + np.maximum(rows @ w + b, 0)
expected = (2 * x[:, :3] / (1 + np.exp(-x[:, 3:])) - 1) @ w_out + b_out
np.testing.assert_allclose(model.predict(rows, verbose=0), expected, rtol=1e-3, atol=1e-4)
