"""A classifier of handwritten digits."""

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

x, y = load_digits(return_X_y=True)
x = x.astype("float32") / 16.0
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input(shape=(64,)),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=15, batch_size=32, validation_split=0.1, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy: {accuracy:.3f}")

probabilities = model.predict(x_test, verbose=0)
assert probabilities.shape == (len(x_test), 10)
assert len(history.history["val_accuracy"]) == 15
assert accuracy > 0.93
