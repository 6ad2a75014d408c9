"""The first convolutional network of every course."""

import keras
import numpy as np
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

digits = load_digits()
images = np.expand_dims(digits.images, -1).astype("float32") / 16.0
x_train, x_test, y_train, y_test = train_test_split(
    images, digits.target, test_size=0.2, random_state=0
)

keras.utils.set_random_seed(0)
model = Sequential(
    [
        keras.Input(shape=(8, 8, 1)),
        Conv2D(16, kernel_size=(3, 3), padding="same", activation="relu"),
        MaxPooling2D(pool_size=(2, 2)),
        Conv2D(32, 3, activation="relu"),
        Flatten(),
        Dropout(0.2),
        Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=10, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
assert model.layers[0].get_weights()[0].shape == (3, 3, 1, 16)
assert model.count_params() == 160 + 4640 + 1290
assert accuracy > 0.93
