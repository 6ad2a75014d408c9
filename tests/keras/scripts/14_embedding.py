"""Words as numbers: Embedding and the mean over the words of a text."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
vocabulary, length = 50, 12
texts = rng.integers(1, vocabulary, size=(800, length)).astype("int32")
# A text is of class 1 if it has more words below 25 than others.
labels = ((texts < 25).mean(axis=1) > 0.5).astype("int32")

keras.utils.set_random_seed(0)
inputs = keras.Input(shape=(length,), dtype="int32")
x = layers.Embedding(vocabulary, 8)(inputs)
x = layers.GlobalAveragePooling1D()(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(texts, labels, epochs=15, batch_size=32, verbose=0)

assert model.layers[1].get_weights()[0].shape == (vocabulary, 8)
assert history.history["accuracy"][-1] > 0.93
