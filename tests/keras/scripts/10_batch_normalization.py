"""Batch normalization: moving means and variances are what prediction uses."""

import keras
import numpy as np
from keras.layers import Activation, BatchNormalization, Dense
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(
    x.astype("float32"), y, test_size=0.2, random_state=0
)

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((64,)),
        BatchNormalization(momentum=0.9),
        Dense(64, use_bias=False),
        BatchNormalization(momentum=0.9),
        Activation("relu"),
        Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, batch_size=32, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
assert accuracy > 0.95

first = model.layers[0]
gamma, beta, moving_mean, moving_variance = first.get_weights()
np.testing.assert_allclose(moving_mean, x_train.mean(axis=0), atol=1.0)
# A row's prediction does not depend on the rows beside it.
np.testing.assert_allclose(
    model.predict(x_test[:1], verbose=0), model.predict(x_test, verbose=0)[:1], rtol=1e-4, atol=1e-6
)
