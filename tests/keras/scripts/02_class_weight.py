"""Few rows of one class: class weights raise its recall."""

import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.utils import set_random_seed

rng = np.random.default_rng(0)
n_common, n_rare = 950, 50
x = np.concatenate([rng.normal(0.0, 1.0, (n_common, 8)), rng.normal(0.6, 1.0, (n_rare, 8))])
x = x.astype("float32")
y = np.array([0] * n_common + [1] * n_rare)


def recall(class_weight):
    set_random_seed(1)
    model = Sequential([Input((8,)), Dense(16, activation="relu"), Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=10, batch_size=32, class_weight=class_weight, verbose=0)
    found = model.predict(x, verbose=0).ravel() > 0.5
    return found[y == 1].mean()


plain = recall(None)
weighted = recall({0: 1.0, 1: n_common / n_rare})
print(f"recall {plain:.2f}, with class weights {weighted:.2f}")
assert weighted > 0.7
assert weighted > plain + 0.2
