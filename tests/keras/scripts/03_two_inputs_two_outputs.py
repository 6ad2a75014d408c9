"""A functional model of two inputs and two outputs, with a drawing of it."""

import os

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
n = 512
image = rng.normal(size=(n, 20)).astype("float32")
meta = rng.normal(size=(n, 4)).astype("float32")
price = (image[:, :3].sum(axis=1) + meta[:, 0]).astype("float32")[:, None]
kind = (meta[:, 1] > 0).astype("int32")

keras.utils.set_random_seed(0)
image_in = keras.Input(shape=(20,), name="image")
meta_in = keras.Input(shape=(4,), name="meta")
hidden = layers.Dense(32, activation="relu")(image_in)
joined = layers.concatenate([hidden, meta_in])
joined = layers.Dense(32, activation="relu")(joined)
price_out = layers.Dense(1, name="price")(joined)
kind_out = layers.Dense(2, activation="softmax", name="kind")(joined)

model = keras.Model(inputs=[image_in, meta_in], outputs=[price_out, kind_out])
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.01),
    loss={"price": "mse", "kind": "sparse_categorical_crossentropy"},
    loss_weights={"price": 1.0, "kind": 0.5},
    metrics={"kind": ["accuracy"]},
)
history = model.fit(
    {"image": image, "meta": meta},
    {"price": price, "kind": kind},
    epochs=15,
    batch_size=32,
    verbose=0,
)
prices, kinds = model.predict({"image": image, "meta": meta}, verbose=0)
assert prices.shape == (n, 1)
assert kinds.shape == (n, 2)
assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
assert history.history["kind_accuracy"][-1] > 0.9

keras.utils.plot_model(model, to_file="model.png", show_shapes=True)
assert os.path.getsize("model.png") > 1000
