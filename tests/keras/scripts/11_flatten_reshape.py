"""Images as they are: Flatten before Dense, Reshape after it."""

import keras
from keras import layers
from sklearn.datasets import load_digits

digits = load_digits()
images, labels = digits.images.astype("float32") / 16.0, digits.target
assert images.shape[1:] == (8, 8)

keras.utils.set_random_seed(0)
classifier = keras.Sequential(
    [
        layers.Flatten(input_shape=(8, 8)),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
classifier.fit(images, labels, epochs=10, verbose=0)
assert classifier.evaluate(images, labels, verbose=0)[1] > 0.93

inputs = keras.Input(shape=(8, 8))
code = layers.Dense(16, activation="relu", name="code")(layers.Flatten()(inputs))
decoded = layers.Dense(64, activation="sigmoid")(code)
outputs = layers.Reshape((8, 8))(decoded)
autoencoder = keras.Model(inputs, outputs)
autoencoder.compile(optimizer="adam", loss="mse")
history = autoencoder.fit(images, images, epochs=10, batch_size=64, verbose=0)
assert autoencoder.predict(images[:7], verbose=0).shape == (7, 8, 8)
assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
