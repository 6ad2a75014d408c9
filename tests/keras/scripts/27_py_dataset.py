"""Batches from a PyDataset."""

import math

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


class Digits(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y = x, y
        self.batch_size = batch_size
        self.epochs = 0

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.epochs += 1
        order = np.random.default_rng(self.epochs).permutation(len(self.x))
        self.x, self.y = self.x[order], self.y[order]


x, y = load_digits(return_X_y=True)
x = (x / 16.0).astype("float32")
train = Digits(x[:1500], y[:1500], batch_size=32, workers=1)
test = Digits(x[1500:], y[1500:], batch_size=64)

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [keras.Input((64,)), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train, validation_data=test, epochs=10, verbose=0)
assert train.epochs >= 10
assert history.history["accuracy"][-1] > 0.95
assert history.history["val_accuracy"][-1] > 0.85
assert model.predict(test, verbose=0).shape == (len(x) - 1500, 10)
