"""A train_step of one's own."""

import keras
import numpy as np
from keras import layers


class Counted(keras.Model):
    steps = 0

    def train_step(self, *args, **kwargs):
        Counted.steps += 1
        return super().train_step(*args, **kwargs)


rng = np.random.default_rng(0)
x = rng.normal(size=(320, 3)).astype("float32")
y = x.sum(axis=1, keepdims=True)

keras.utils.set_random_seed(0)
inputs = keras.Input((3,))
model = Counted(inputs, layers.Dense(1)(inputs))
model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse", run_eagerly=True)
history = model.fit(x, y, epochs=5, batch_size=32, verbose=0)
assert Counted.steps == 50
assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
