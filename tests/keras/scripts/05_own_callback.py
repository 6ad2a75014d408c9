"""A callback of one's own that stops training at an accuracy."""

from keras.callbacks import Callback
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.utils import set_random_seed
from sklearn.datasets import load_digits


class StopAt(Callback):
    def __init__(self, accuracy):
        super().__init__()
        self.accuracy = accuracy
        self.batches = 0
        self.events = []

    def on_train_begin(self, logs=None):
        self.events.append("train")

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        assert "loss" in logs

    def on_epoch_end(self, epoch, logs=None):
        self.events.append((epoch, logs["accuracy"]))
        if logs["accuracy"] > self.accuracy:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.events.append("end")


set_random_seed(0)
x, y = load_digits(return_X_y=True)
model = Sequential([Input((64,)), Dense(64, activation="relu"), Dense(10, activation="softmax")])
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
stop = StopAt(0.95)
history = model.fit(x / 16.0, y, epochs=40, batch_size=32, callbacks=[stop], verbose=0)

epochs = len(history.epoch)
assert 1 < epochs < 40
assert history.history["accuracy"][-1] > 0.95
assert stop.events[0] == "train" and stop.events[-1] == "end"
assert stop.batches == epochs * -(-len(x) // 32)
