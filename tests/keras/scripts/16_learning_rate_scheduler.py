"""A schedule as a function of epoch and rate."""

import math

import keras
import numpy as np
from keras.callbacks import LearningRateScheduler
from keras.layers import Dense, Input
from keras.models import Sequential


def schedule(epoch, lr):
    if epoch < 4:
        return lr
    return lr * math.exp(-0.5)


rng = np.random.default_rng(0)
x = rng.normal(size=(256, 4)).astype("float32")
y = x.sum(axis=1)

keras.utils.set_random_seed(0)
model = Sequential([Input(shape=(4,)), Dense(8, activation="relu"), Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse")
history = model.fit(
    x, y, epochs=8, batch_size=16, callbacks=[LearningRateScheduler(schedule)], verbose=0
)
expected = [0.02] * 4 + [0.02 * math.exp(-0.5 * k) for k in range(1, 5)]
np.testing.assert_allclose(history.history["learning_rate"], expected, rtol=1e-5)
np.testing.assert_allclose(float(model.optimizer.learning_rate), expected[-1], rtol=1e-5)
assert history.history["loss"][-1] < history.history["loss"][0]
