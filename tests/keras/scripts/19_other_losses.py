"""Losses of distributions, margins and directions."""

import keras
import numpy as np
from keras.layers import Dense, Input
from keras.losses import CosineSimilarity, Hinge, KLDivergence
from keras.models import Sequential

rng = np.random.default_rng(0)
x = rng.normal(size=(400, 6)).astype("float32")
directions = x @ rng.normal(size=(6, 3)).astype("float32")
distributions = np.exp(directions) / np.exp(directions).sum(axis=1, keepdims=True)
signs = np.where(x.sum(axis=1, keepdims=True) > 0, 1.0, -1.0).astype("float32")


def fit(loss, y, activation):
    keras.utils.set_random_seed(0)
    model = Sequential([Input((6,)), Dense(y.shape[1], activation=activation)])
    model.compile(loss=loss, optimizer=keras.optimizers.Adam(0.05))
    history = model.fit(x, y, epochs=20, batch_size=50, verbose=0)
    return model.predict(x, verbose=0), history.history["loss"]


for loss in ("kl_divergence", KLDivergence()):
    y, values = fit(loss, distributions, "softmax")
    assert values[-1] < 0.02
    assert (y.argmax(axis=1) == distributions.argmax(axis=1)).mean() > 0.93

for loss in ("hinge", Hinge()):
    y, values = fit(loss, signs, "tanh")
    assert values[-1] < 0.3
    assert ((y > 0) == (signs > 0)).mean() > 0.95

for loss in ("cosine_similarity", CosineSimilarity(axis=-1)):
    y, values = fit(loss, directions, None)
    assert values[-1] < -0.99
