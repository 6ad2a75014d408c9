"""compile with a loss alone: RMSprop at its defaults."""

import numpy as np
from keras.layers import Dense, Input
from keras.models import Model
from keras.utils import set_random_seed

rng = np.random.default_rng(0)
x = rng.normal(size=(500, 3)).astype("float32")
y = np.sin(x[:, :1])

set_random_seed(0)
inputs = Input(shape=(3,))
outputs = Dense(1)(Dense(32, activation="tanh")(inputs))
model = Model(inputs, outputs)
model.compile(loss="mse")
history = model.fit(x, y, epochs=10, batch_size=16, verbose=0)
assert type(model.optimizer).__name__ == "RMSprop"
assert abs(float(model.optimizer.learning_rate) - 0.001) < 1e-9
assert history.history["loss"][-1] < 0.1
