"""Root mean squared error, top k, and a metric of one's own."""

import keras
import numpy as np
from keras import layers, metrics
from sklearn.datasets import load_digits


def mean_error(y_true, y_pred):
    return (y_pred - y_true).mean(axis=-1)


rng = np.random.default_rng(0)
x = rng.normal(size=(300, 4)).astype("float32")
y = x @ np.array([[1.0, 0.0], [0.5, 1.0], [0.0, -1.0], [0.2, 0.3]], dtype="float32")

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
model.compile(
    optimizer=keras.optimizers.Adam(0.02),
    loss="mse",
    metrics=[metrics.RootMeanSquaredError(), "mae", mean_error],
)
model.fit(x, y, epochs=10, verbose=0)
result = model.evaluate(x, y, verbose=0, return_dict=True)
error = model.predict(x, verbose=0) - y
np.testing.assert_allclose(result["root_mean_squared_error"], result["loss"] ** 0.5, rtol=1e-4)
np.testing.assert_allclose(result["mae"], np.abs(error).mean(), rtol=1e-4)
np.testing.assert_allclose(result["mean_error"], error.mean(), rtol=1e-3, atol=1e-5)

x, y = load_digits(return_X_y=True)
model = keras.Sequential([keras.Input((64,)), layers.Dense(10, activation="softmax")])
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(k=3)],
)
history = model.fit(x / 16.0, y, epochs=8, verbose=0).history
top3 = history["sparse_top_k_categorical_accuracy"]
assert top3[-1] > history["accuracy"][-1]
assert top3[-1] > 0.9
