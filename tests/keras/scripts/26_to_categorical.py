"""One-hot targets."""

import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.utils import set_random_seed, to_categorical
from sklearn.datasets import load_digits

x, labels = load_digits(return_X_y=True)
y = to_categorical(labels, num_classes=10)
assert y.shape == (len(labels), 10)
np.testing.assert_array_equal(y.argmax(axis=1), labels)
np.testing.assert_array_equal(to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])

set_random_seed(0)
model = Sequential([Input((64,)), Dense(64, activation="relu"), Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x / 16.0, y, epochs=10, verbose=0)
assert model.evaluate(x / 16.0, y, verbose=0)[1] > 0.93
