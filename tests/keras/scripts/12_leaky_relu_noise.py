"""LeakyReLU as a layer, and noise on the inputs while training."""

import keras
import numpy as np
from keras.layers import Dense, GaussianNoise, LeakyReLU
from sklearn.datasets import load_digits

x, y = load_digits(return_X_y=True)
x = (x / 16.0).astype("float32")

keras.utils.set_random_seed(0)
model = keras.models.Sequential()
model.add(keras.layers.Input(shape=(64,)))
model.add(GaussianNoise(0.1))
model.add(Dense(64))
model.add(LeakyReLU(negative_slope=0.1))
model.add(Dense(10, activation="softmax"))
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x, y, epochs=10, batch_size=32, verbose=0)

# Noise is for training alone: two predictions are equal.
first, second = model.predict(x, verbose=0), model.predict(x, verbose=0)
np.testing.assert_array_equal(first, second)
assert (first.argmax(axis=1) == y).mean() > 0.93
