"""Trainings with callbacks that Keras and this package run alike: `keras` is either of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

STOPPING: list[tuple[list[float], dict[str, Any]]] = [
    ([3, 2, 2, 1, 1], {}),
    ([3, 2, 2, 1, 1], {"patience": 2}),
    ([3, 2, 2.5, 2.4, 2.3, 1], {"patience": 3}),
    ([3, 2.9, 2.8, 2.7], {"min_delta": 0.5, "patience": 2}),
    ([3, 2, 1], {"baseline": 0.5, "patience": 2}),
    ([3, 2, 1, 0.4, 0.4, 0.4], {"baseline": 0.5, "patience": 4}),
    ([1, 1, 1, 1, 1], {"start_from_epoch": 3}),
    ([1, 1, 1, 2, 1, 3, 3, 3], {"start_from_epoch": 3, "patience": 2}),
    ([1, 2, 3], {"mode": "max"}),
    ([1, 2, 2, 2, 1], {"mode": "max", "patience": 2}),
    ([3, 1, 2, 2, 2, 2], {"patience": 2, "restore_best_weights": True}),
]
"""Losses of the epochs, and arguments of EarlyStopping."""

PLATEAUS: list[tuple[list[float], dict[str, Any]]] = [
    ([3, 3, 3, 3], {"patience": 1}),
    ([3, 3, 3, 3, 3, 3], {"patience": 2, "factor": 0.5}),
    ([3, 3, 3, 3, 3, 3], {"patience": 1, "factor": 0.5, "cooldown": 2}),
    ([3, 3, 3, 3, 3, 3], {"patience": 1, "factor": 0.5, "min_lr": 0.03}),
    ([3, 2.99995, 2.99992, 2.9998, 2.9], {"patience": 1}),
    ([3, 2.9, 2.8, 2.7, 2.6], {"patience": 2, "min_delta": 0.15}),
    ([1, 2, 3, 3, 3], {"patience": 1, "mode": "max"}),
    ([1, 2, 2, 1, 1], {"patience": 0, "factor": 0.9}),
]
"""Losses of the epochs, and arguments of ReduceLROnPlateau."""

SAVING: list[tuple[list[float], dict[str, Any]]] = [
    ([3, 2, 2, 1, 1], {}),
    ([3, 2, 2, 1, 1], {"save_best_only": True}),
    ([3, 2, 2, 1, 1], {"save_best_only": True, "initial_value_threshold": 1.5}),
    ([3, 2, 2, 4, 1], {"save_best_only": True, "mode": "max"}),
    ([3, 2, 2, 1, 1], {"save_freq": 2}),
    ([3, 2, 2, 1, 1], {"save_freq": 4}),
]
"""Losses of the epochs, and arguments of ModelCheckpoint."""

TABLES: list[tuple[dict[str, Any], bool, int]] = [
    ({}, True, 1),
    ({}, False, 2),
    ({"separator": ";", "append": True}, False, 2),
]
"""Arguments of CSVLogger, whether there is a validation, and the count of calls of fit."""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Rows (10, 3) and targets (10, 1) that need no random numbers."""
    x = np.sin(np.arange(30, dtype=np.float32)).reshape(10, 3)
    return x, x.sum(axis=1, keepdims=True)


def model(keras: Any, learning_rate: float = 0.1, **options: Any) -> Any:
    """A linear unit with known weights, compiled with SGD."""
    made = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    made.set_weights([np.array([[0.5], [-0.5], [0.25]], np.float32), np.zeros(1, np.float32)])
    made.compile(keras.optimizers.SGD(learning_rate, **options), "mse")
    return made


def fit(made: Any, callbacks: list[Any], epochs: int, **options: Any) -> Any:
    """Five batches of two rows in their order."""
    x, y = data()
    settings = {"batch_size": 2, "shuffle": False, "verbose": 0, **options}
    return made.fit(x, y, epochs=epochs, callbacks=callbacks, **settings)


def scripted(keras: Any, values: list[float]) -> Any:
    """A callback that sets the loss in the logs of an epoch before others read it."""

    class Scripted(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["loss"] = values[epoch]

    return Scripted()


def epochs_until_stopped(keras: Any, values: list[float], options: dict[str, Any]) -> list[Any]:
    """The count of epochs, and the weights at the end."""
    made = model(keras)
    stopper = keras.callbacks.EarlyStopping("loss", **options)
    history = fit(made, [scripted(keras, values), stopper], len(values))
    return [len(history.epoch), *made.get_weights()[0].ravel().tolist()]


def reduced_rates(keras: Any, values: list[float], options: dict[str, Any]) -> list[float]:
    """The learning rates that the history has, and the one at the end."""
    made = model(keras)
    reducer = keras.callbacks.ReduceLROnPlateau("loss", **options)
    history = fit(made, [scripted(keras, values), reducer], len(values))
    return [*history.history["learning_rate"], float(made.optimizer.learning_rate)]


def saved_files(keras: Any, values: list[float], options: dict[str, Any], suffix: str) -> list[str]:
    """The paths that are saved to, without the suffix, each with the epochs and batches so far."""
    made, saved = model(keras), []
    made.save = lambda path, overwrite=True: saved.append(str(path).removesuffix(suffix))
    pattern = "{epoch:02d}-{batch}" if "save_freq" in options else "{epoch:02d}-{loss:.2f}"
    saver = keras.callbacks.ModelCheckpoint(pattern + suffix, "loss", **options)
    fit(made, [scripted(keras, values), saver], len(values))
    return saved


def scheduled_training(keras: Any) -> dict[str, list[float]]:
    """The history of a training whose rate a function of epoch and rate sets."""
    scheduler = keras.callbacks.LearningRateScheduler(
        lambda epoch, rate: rate if epoch < 2 else rate * 0.5
    )
    return dict(fit(model(keras), [scheduler], 5).history)


def scheduled_by_epoch(keras: Any) -> dict[str, list[float]]:
    """Likewise of a function of the epoch alone."""
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))
    return dict(fit(model(keras), [scheduler], 3).history)


def written_table(
    keras: Any, options: dict[str, Any], validates: bool, calls: int, path: Path
) -> list[list[str]]:
    """The lines of a CSV file, in cells."""
    made = model(keras)
    logger = keras.callbacks.CSVLogger(str(path), **options)
    for _ in range(calls):
        fit(made, [logger], 2, **({"validation_data": data()} if validates else {}))
    separator = options.get("separator", ",")
    text = path.read_bytes().decode()
    assert text.count("\r\n") == text.count("\n")
    return [line.split(separator) for line in text.splitlines()]


def stopped_runs(keras: Any) -> dict[str, Any]:
    """Results of a test and a prediction that callbacks end after their second batch."""
    made, (x, y) = model(keras), data()

    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_predicting = batch == 1

    options: dict[str, Any] = {"batch_size": 2, "verbose": 0}
    history = fit(made, [Stop()], 2, validation_data=(x, y))
    return {
        "val_loss": history.history["val_loss"],
        "stopped_loss": made.evaluate(x, y, callbacks=[Stop()], **options),
        "loss": made.evaluate(x, y, **options),
        "stopped_outputs": made.predict(x, callbacks=[Stop()], **options).ravel().tolist(),
        "outputs": made.predict(x, **options).ravel().tolist(),
    }


HOOKS = ("epoch_begin", "epoch_end", "test_begin", "test_end", "predict_begin")


def swap_hooks(made: Any, callback: Any, swaps: list[int]) -> list[str]:
    """The hooks of a training with validations, and of a prediction, that swapped the weights.

    `swaps` gets a value for each exchange.
    """
    found: list[str] = []

    def watched(name: str, inner: Any) -> Any:
        def hook(*arguments: Any) -> None:
            before = len(swaps)
            inner(*arguments)
            found.extend([name] * (len(swaps) - before))

        return hook

    for name in HOOKS:
        setattr(callback, f"on_{name}", watched(name, getattr(callback, f"on_{name}")))
    fit(made, [callback], 2, validation_data=data())
    made.predict(data()[0], verbose=0, callbacks=[callback])
    return found


def scalars(callback: Any, written: list[Any], made: Any) -> list[list[Any]]:
    """What a TensorBoard callback writes in a training with validations, and in a test."""
    fit(made, [callback], 2, validation_data=data())
    made.evaluate(*data(), batch_size=2, verbose=0, callbacks=[callback])
    return written
