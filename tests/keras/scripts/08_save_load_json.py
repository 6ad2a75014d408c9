"""A model in a .keras file, and its layers as JSON."""

import json
import os

import keras
import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential, load_model, model_from_json

rng = np.random.default_rng(0)
x = rng.normal(size=(256, 6)).astype("float32")
y = x @ rng.normal(size=(6, 1)).astype("float32")

keras.utils.set_random_seed(0)
model = Sequential([Input((6,)), Dense(16, activation="tanh"), Dense(1)])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
model.fit(x, y, epochs=5, verbose=0)

model.save("model.keras")
loaded = load_model("model.keras")
assert os.path.exists("model.keras")
np.testing.assert_allclose(model.predict(x, verbose=0), loaded.predict(x, verbose=0), rtol=1e-6)
# The optimizer is stored too: training goes on.
before = loaded.evaluate(x, y, verbose=0)[0]
loaded.fit(x, y, epochs=10, verbose=0)
assert loaded.evaluate(x, y, verbose=0)[0] < before

text = model.to_json()
assert json.loads(text)["class_name"] == "Sequential"
copy = model_from_json(text)
copy.set_weights(model.get_weights())
np.testing.assert_allclose(model.predict(x, verbose=0), copy.predict(x, verbose=0), rtol=1e-6)
