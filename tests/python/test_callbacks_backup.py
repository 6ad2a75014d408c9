"""A training that is stopped and continued ends with the bits of an uninterrupted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import BackupAndRestore, Callback, EarlyStopping
from gatewise.io.container import read_file, write_file
from training_models import assert_same_weights, make_data, make_expert_model, make_model

X, Y = make_data(90)
EPOCHS, BATCH, STEPS = 6, 10, 9


class KilledError(Exception):
    """The exception that stops a training in these tests."""


class Killer(Callback):
    """Stops the training after a given number of steps, if any."""

    def __init__(self, after: int | None) -> None:
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KilledError


def train(
    folder: Path, save_freq: Any, after: int | None = None, seed: int = 1, **options: Any
) -> tuple[gw.Sequential, gw.callbacks.History, EarlyStopping]:
    model = make_expert_model(seed, noise=True)
    stopper = EarlyStopping(
        monitor="val_loss", patience=1, min_delta=0.05, restore_best_weights=True
    )
    callbacks = [BackupAndRestore(folder, save_freq), stopper, Killer(after)]
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "validation_data": (X, Y), "verbose": 0}
    history = model.fit(X, Y, callbacks=callbacks, **{**settings, **options})
    return model, history, stopper


@pytest.mark.parametrize("save_freq", ["epoch", 1, 4, 9])
@pytest.mark.parametrize("after", [1, 8, 9, 13, 20, 40])
def test_a_continued_training_has_the_same_bits(tmp_path: Path, save_freq: Any, after: int) -> None:
    whole, history, stopper = train(tmp_path / "whole", save_freq)
    try:
        train(tmp_path / "cut", save_freq, after)
    except KilledError:
        # The continued training has another seed: all state must come from the file.
        seed = 5 if list((tmp_path / "cut").iterdir()) else 1
        continued, resumed_history, other = train(tmp_path / "cut", save_freq, seed=seed)
        assert_same_weights(whole, continued)
        assert resumed_history.history == history.history and resumed_history.epoch == history.epoch
        assert (other.wait, other.best, other.best_epoch) == (
            stopper.wait,
            stopper.best,
            stopper.best_epoch,
        )
        loads = [model.layers[0].load_.rows for model in (whole, continued)]
        np.testing.assert_array_equal(*loads)
        continued.fit(X, Y, verbose=0)
        whole.fit(X, Y, verbose=0)
        assert_same_weights(whole, continued)
    else:
        assert after > stopper.stopped_epoch * STEPS


def test_a_training_can_be_stopped_many_times(tmp_path: Path) -> None:
    whole, history, _ = train(tmp_path / "whole", 2)
    for _ in range(40):
        try:
            continued, resumed_history, _ = train(tmp_path / "cut", 2, after=5)
        except KilledError:
            continue
        break
    assert_same_weights(whole, continued)
    assert resumed_history.history == history.history


def test_the_checkpoint_is_removed_at_the_end_unless_kept(tmp_path: Path) -> None:
    train(tmp_path / "backup", "epoch")
    assert not (tmp_path / "backup").exists()
    model = make_model()
    backup = BackupAndRestore(tmp_path / "kept", delete_checkpoint=False)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[backup])
    assert backup.path.exists()
    resumed = make_model(seed=4)
    history = resumed.fit(X, Y, epochs=2, verbose=0, callbacks=[backup])
    assert_same_weights(model, resumed)
    assert len(history.history["loss"]) == 2


def test_more_epochs_continue_from_a_kept_checkpoint(tmp_path: Path) -> None:
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    one, other = make_model(), make_model()
    one.fit(X, Y, epochs=2, verbose=0, callbacks=[backup])
    one.fit(X, Y, epochs=5, verbose=0, callbacks=[backup])
    other.fit(X, Y, epochs=5, verbose=0)
    assert_same_weights(one, other)


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        for first in range(0, 90, BATCH):
            yield X[first : first + BATCH], Y[first : first + BATCH]


class Loader:
    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return (next(each) for each in [batches()] for _ in range(STEPS))


@pytest.mark.parametrize("after", [3, 9, 14])
@pytest.mark.parametrize("kind", ["generator", "loader"])
def test_used_batches_of_an_iterator_are_skipped(tmp_path: Path, kind: str, after: int) -> None:
    def run(folder: Path, stop: int | None, seed: int) -> gw.Sequential:
        model = make_model(seed)
        x = batches() if kind == "generator" else Loader()
        steps = 7 if kind == "generator" else None
        validation = {"validation_data": batches(), "validation_steps": 4}
        callbacks = [Killer(stop), BackupAndRestore(folder, 2)]
        model.fit(x, epochs=4, steps_per_epoch=steps, verbose=0, callbacks=callbacks, **validation)
        return model

    whole = run(tmp_path / "whole", None, 1)
    with pytest.raises(KilledError):
        run(tmp_path / "cut", after, 1)
    assert_same_weights(whole, run(tmp_path / "cut", None, 3))


@pytest.mark.parametrize("after", [5, 12, 25])
def test_a_training_on_a_data_file_can_be_continued(tmp_path: Path, after: int) -> None:
    np.save(tmp_path / "x.npy", X)
    x = str(tmp_path / "x.npy")

    def run(folder: str, stop: int | None, seed: int) -> gw.Sequential:
        model = make_model(seed)
        callbacks = [BackupAndRestore(tmp_path / folder, 3), Killer(stop)]
        model.fit(x, Y, batch_size=BATCH, epochs=4, verbose=0, callbacks=callbacks)
        return model

    whole = run("whole", None, 1)
    with pytest.raises(KilledError):
        run("cut", after, 1)
    assert_same_weights(whole, run("cut", None, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 20}, "batch_size: expected 10 as in the training to be continued, got 20"),
        ({"shuffle": False}, "shuffle: expected True as in the training"),
        ({"steps_per_epoch": 3}, "steps_per_epoch: expected None as in"),
        ({"class_weight": {0: 2.0}}, "class_weight: expected"),
    ],
)
def test_continuing_with_other_arguments_is_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(KilledError):
        train(tmp_path, 2, after=5)
    with pytest.raises(ValueError, match=message):
        train(tmp_path, 2, **options)


def test_continuing_with_other_models_data_or_callbacks_is_refused(tmp_path: Path) -> None:
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    make_model().fit(X, Y, verbose=0, callbacks=[backup])
    with pytest.raises(ValueError, match="samples: expected 90 as in the training"):
        make_model().fit(X[:80], Y[:80], verbose=0, callbacks=[backup])
    with pytest.raises(ValueError, match="callbacks: expected those with a state"):
        make_model().fit(X, Y, verbose=0, callbacks=[backup, EarlyStopping("loss")])
    with pytest.raises(ValueError, match="compile: expected"):
        make_model(optimizer="sgd").fit(X, Y, verbose=0, callbacks=[backup])
    model = make_model()
    model.add(gw.layers.Dense(3, activation="softmax"))
    untouched = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(ValueError, match="weights: expected shapes"):
        model.fit(X, Y, verbose=0, callbacks=[backup])
    for ours, before in zip(model.get_weights(), untouched, strict=True):
        np.testing.assert_array_equal(ours, before)


@pytest.mark.parametrize(
    ("name", "value"), [("epoch", -(2**40)), ("batch", -1), ("samples_seen", 1.5)]
)
def test_a_checkpoint_of_an_impossible_position_is_refused(
    tmp_path: Path, name: str, value: object
) -> None:
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    make_model().fit(X, Y, verbose=0, callbacks=[backup])
    path = next(each for each in tmp_path.rglob("*") if each.is_file())
    stored = read_file(path, "checkpoint")
    write_file(path, "checkpoint", {**stored.config, name: value}, dict(stored.tensors))
    with pytest.raises(ValueError, match=f"{name}: expected an integer >= 0, got"):
        make_model().fit(X, Y, verbose=0, callbacks=[backup])


def test_callbacks_without_a_state_may_differ(tmp_path: Path) -> None:
    """Keras' own example: the callback that interrupts is not there again."""

    class InterruptingCallback(Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if epoch == 4:
                raise RuntimeError("interrupted")

    x, y = np.arange(100, dtype=np.float32).reshape(5, 20) / 100, np.zeros((5, 1))
    callback = BackupAndRestore(tmp_path / "backup")
    layers = [gw.Input(shape=(20,)), gw.layers.Dense(1)]
    model = gw.Sequential(layers)
    model.compile(gw.optimizers.SGD(), loss="mse")
    options = {"epochs": 10, "batch_size": 1, "verbose": 0}
    with pytest.raises(RuntimeError, match="interrupted"):
        model.fit(x, y, callbacks=[InterruptingCallback(), callback], **options)
    epochs: list[int] = []
    count = gw.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    history = model.fit(x, y, callbacks=[callback, count], **options)
    assert epochs == [4, 5, 6, 7, 8, 9]
    assert len(history.history["loss"]) == 10


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    make_model().fit(X, Y, verbose=0, callbacks=[backup])
    data = bytearray(backup.path.read_bytes())
    data[-3] ^= 1
    backup.path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"training\.checkpoint"):
        make_model().fit(X, Y, verbose=0, callbacks=[backup])


def test_backup_and_restore_refuses_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="backup_dir: expected a folder, got an empty path"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq: expected 'epoch' or an int >= 1, got 0"):
        BackupAndRestore("backup", save_freq=0)
    with pytest.raises(TypeError, match="BackupAndRestore: double_checkpoint is not supported"):
        BackupAndRestore("backup", double_checkpoint=True)


def test_a_killed_process_loses_at_most_the_steps_since_the_last_save(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        sys.path.insert(0, sys.argv[1])
        from test_callbacks_backup import BATCH, EPOCHS, X, Y, make_expert_model
        import gatewise as gw
        model = make_expert_model(noise=True)
        left = int(sys.argv[3])
        def kill(batch, logs):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        callbacks = [
            gw.callbacks.BackupAndRestore(sys.argv[2], save_freq=4),
            gw.callbacks.LambdaCallback(on_train_batch_end=kill),
        ]
        model.fit(X, Y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks)
        model.save_weights(sys.argv[4])
        """
    )
    here = os.path.dirname(__file__)
    weights = [str(tmp_path / name) for name in ("whole.weights", "continued.weights")]

    def run(folder: str, after: int, path: str) -> int:
        command = [sys.executable, "-c", script, here, str(tmp_path / folder), str(after), path]
        return subprocess.run(command, check=False, timeout=120).returncode

    assert run("whole", 0, weights[0]) == 0
    for after in (11, 17):
        assert run("cut", after, weights[1]) == -signal.SIGKILL
    # The temporary file of a process that was killed while writing.
    leftover = tmp_path / "cut" / ".training.checkpoint.00000000.tmp"
    leftover.write_bytes(b"half")
    assert run("cut", 0, weights[1]) == 0
    assert not leftover.exists()
    models = [make_expert_model(seed, noise=True) for seed in (7, 8)]
    for model, path in zip(models, weights, strict=True):
        model.load_weights(path)
    assert_same_weights(*models)
