"""A layer and a model as classes of one's own."""

import keras
import numpy as np
from keras import layers


class Scale(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale


class Net(keras.Model):
    def __init__(self, hidden):
        super().__init__()
        self.scale = Scale()
        self.hidden = layers.Dense(hidden, activation="relu")
        self.out = layers.Dense(1)

    def call(self, inputs):
        return self.out(self.hidden(self.scale(inputs)))


rng = np.random.default_rng(0)
x = rng.normal(size=(500, 3)).astype("float32")
y = np.abs(x[:, :1])

keras.utils.set_random_seed(0)
model = Net(32)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
history = model.fit(x, y, epochs=15, verbose=0)
assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]
assert model.scale.get_weights()[0].shape == (3,)
