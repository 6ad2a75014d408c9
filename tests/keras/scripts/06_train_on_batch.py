"""One's own loop over batches."""

import keras
import numpy as np
from keras import layers, optimizers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16.0).astype("float32")

model = keras.Sequential(
    [keras.Input((64,)), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
)
model.compile(
    optimizer=optimizers.SGD(learning_rate=0.1, momentum=0.9),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

rng = np.random.default_rng(0)
losses = []
for _ in range(300):
    rows = rng.integers(0, 1500, size=64)
    loss, accuracy = model.train_on_batch(x[rows], y[rows])
    losses.append(float(loss))

result = model.test_on_batch(x[1500:], y[1500:], return_dict=True)
assert losses[-1] < 0.5 * losses[0]
assert result["accuracy"] > 0.85
assert model.predict_on_batch(x[:5]).shape == (5, 10)
