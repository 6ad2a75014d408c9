"""Losses of regression, as names, functions and instances."""

import keras
import numpy as np
from keras import layers, losses

rng = np.random.default_rng(0)
x = rng.normal(size=(400, 3)).astype("float32")
signal = x @ np.array([[0.5], [-0.3], [0.2]], dtype="float32")
counts = rng.poisson(np.exp(signal)).astype("float32")


def fit(loss, y, activation=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, activation=activation)])
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss=loss)
    history = model.fit(x, y, epochs=15, batch_size=32, verbose=0)
    return model, history.history["loss"]


for loss in ("mae", "huber", "log_cosh", losses.Huber(delta=0.5), losses.MeanAbsoluteError()):
    model, values = fit(loss, signal)
    assert values[-1] < 0.5 * values[0], loss
    residual = model.predict(x, verbose=0) - signal
    assert np.abs(residual).mean() < 0.2, loss

model, values = fit("poisson", counts, activation="exponential")
assert values[-1] < values[0]
rates = model.predict(x, verbose=0)
assert np.corrcoef(rates.ravel(), np.exp(signal).ravel())[0, 1] > 0.9
