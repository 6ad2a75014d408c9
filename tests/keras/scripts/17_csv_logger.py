"""Results of each epoch in a CSV file, over two calls of fit."""

import keras
import numpy as np
import pandas as pd
from keras.callbacks import CSVLogger
from keras.layers import Dense

rng = np.random.default_rng(0)
x = rng.normal(size=(200, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=3, validation_split=0.2, callbacks=[CSVLogger("log.csv")], verbose=0)
history = model.fit(
    x,
    y,
    epochs=5,
    initial_epoch=3,
    validation_split=0.2,
    callbacks=[CSVLogger("log.csv", append=True)],
    verbose=0,
)
log = pd.read_csv("log.csv")
assert list(log["epoch"]) == [0, 1, 2, 3, 4]
assert {"accuracy", "loss", "val_accuracy", "val_loss"} <= set(log.columns)
np.testing.assert_allclose(log["loss"][3:], history.history["loss"], rtol=1e-5)
