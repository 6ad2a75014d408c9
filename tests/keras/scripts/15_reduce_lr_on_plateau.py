"""ReduceLROnPlateau beside EarlyStopping and ModelCheckpoint."""

import os

import keras
import numpy as np
from keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from keras.layers import Dense
from keras.models import Sequential

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 5)).astype("float32")
y = (x[:, :1] + rng.normal(size=(300, 1))).astype("float32")

keras.utils.set_random_seed(0)
model = Sequential([keras.Input((5,)), Dense(32, activation="relu"), Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.05), loss="mean_squared_error")
history = model.fit(
    x,
    y,
    validation_split=0.2,
    epochs=30,
    batch_size=32,
    verbose=0,
    callbacks=[
        ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=2, min_lr=1e-5),
        EarlyStopping(monitor="val_loss", patience=12, restore_best_weights=True),
        ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True),
    ],
)
rates = history.history["learning_rate"]
assert rates[0] == np.float32(0.05)
assert rates[-1] <= 0.05 * 0.2 * 1.001
assert float(model.optimizer.learning_rate) <= rates[-1]
assert os.path.exists("best.keras")
best = keras.models.load_model("best.keras")
assert abs(best.evaluate(x[240:], y[240:], verbose=0) - min(history.history["val_loss"])) < 1e-4
