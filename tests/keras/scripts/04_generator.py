"""Training from a generator without an end."""

import keras
import numpy as np
from keras import layers


def batches(batch_size, seed):
    rng = np.random.default_rng(seed)
    while True:
        x = rng.uniform(-1, 1, size=(batch_size, 2)).astype("float32")
        y = (x[:, :1] * x[:, 1:] > 0).astype("float32")
        yield x, y


keras.utils.set_random_seed(0)
model = keras.Sequential()
model.add(keras.Input(shape=(2,)))
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])

history = model.fit(
    batches(64, seed=0),
    steps_per_epoch=40,
    epochs=12,
    validation_data=batches(64, seed=1),
    validation_steps=5,
    verbose=0,
)
loss, accuracy = model.evaluate(batches(64, seed=2), steps=10, verbose=0)
assert len(history.history["val_loss"]) == 12
assert accuracy > 0.9
