"""Callbacks that set the learning rate, swap weights or write results: refusals and continuing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TensorBoard,
)
from training_models import assert_same_weights, make_data, make_model

X, Y = make_data(90)
BATCH, STEPS = 10, 9


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


def train(folder: Path, save_freq: Any, after: int | None = None, seed: int = 1) -> Any:
    """A training whose rate falls in every epoch and at every plateau, with its lines."""
    folder.mkdir(exist_ok=True)
    model = make_model(seed)
    callbacks = [
        BackupAndRestore(folder / "backup", save_freq),
        LearningRateScheduler(lambda epoch, rate: 0.9 * rate),
        ReduceLROnPlateau("val_loss", 0.5, patience=1, min_delta=0.05, cooldown=1),
        CSVLogger(folder / "log.csv"),
        Killer(after),
    ]
    history = model.fit(
        X,
        Y,
        batch_size=BATCH,
        epochs=6,
        validation_data=(X, Y),
        verbose=0,
        callbacks=callbacks,
    )
    return model, history, (folder / "log.csv").read_text()


@pytest.mark.parametrize("save_freq", ["epoch", 4])
@pytest.mark.parametrize("after", [3, 9, 10, 13, 18, 20, 40, 54])
def test_rates_and_lines_of_a_continued_training_are_those_of_a_whole_one(
    tmp_path: Path, save_freq: Any, after: int
) -> None:
    whole, history, text = train(tmp_path / "whole", save_freq)
    with pytest.raises(KilledError):
        train(tmp_path / "cut", save_freq, after)
    seed = (
        5
        if (tmp_path / "cut" / "backup").is_dir() and any((tmp_path / "cut" / "backup").iterdir())
        else 1
    )
    continued, resumed_history, resumed_text = train(tmp_path / "cut", save_freq, seed=seed)
    assert_same_weights(whole, continued)
    assert resumed_history.history == history.history
    assert resumed_text == text
    assert len(set(history.history["learning_rate"])) == 6


def test_the_rate_falls_at_plateaus_in_that_training(tmp_path: Path) -> None:
    _, history, text = train(tmp_path, "epoch")
    rates = history.history["learning_rate"]
    assert rates[-1] < 0.01 * 0.9**6 * 0.75
    assert text.splitlines()[0] == "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss"


def test_lines_are_added_to_a_file_that_is_continued(tmp_path: Path) -> None:
    def run(name: str, after: int | None) -> str:
        path = tmp_path / f"{name}.csv"
        if not path.exists():
            path.write_text("first\r\n")
        callbacks = [BackupAndRestore(tmp_path / name, 2), CSVLogger(path, append=True)]
        make_model().fit(
            X, Y, batch_size=BATCH, epochs=3, verbose=0, callbacks=[*callbacks, Killer(after)]
        )
        return path.read_bytes().decode()

    whole = run("whole", None)
    assert whole.startswith("first\r\n0,")
    with pytest.raises(KilledError):
        run("cut", 20)
    assert run("cut", None) == whole


def test_a_csv_file_is_replaced_also_by_a_training_without_epochs(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("old\n")
    make_model().fit(X, Y, epochs=2, initial_epoch=2, verbose=0, callbacks=[CSVLogger(path)])
    assert path.read_text() == ""
    make_model().fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    assert path.read_text().startswith("epoch,accuracy,loss,val_accuracy,val_loss\n0,")


def test_several_values_are_one_cell_of_a_csv_file(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "log.csv", separator="\t")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"a": np.array([1, 2]), "b": np.array(3.0), "c": "x"})  # type: ignore[dict-item]
    text = (tmp_path / "log.csv").read_text()
    assert text.splitlines()[1].split("\t")[:4] == ["0", '"""[1, 2]"""', "3.0", "x"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReduceLROnPlateau(factor=1.0), "factor: expected 0 <= value < 1, got 1.0"),
        (lambda: ReduceLROnPlateau(patience=-1), "patience: expected an integer >= 0, got -1"),
        (lambda: ReduceLROnPlateau(cooldown=-1), "cooldown: expected an integer >= 0, got -1"),
        (lambda: ReduceLROnPlateau(min_lr=-1), "min_lr: expected a number >= 0, got -1"),
        (lambda: ReduceLROnPlateau(mode="up"), "mode: expected 'auto', 'min' or 'max', got 'up'"),
        (lambda: CSVLogger("a", ",,"), "separator: expected one character, got ',,'"),
        (lambda: CSVLogger("a", append=1), "append: expected True or False, got 1"),  # type: ignore[arg-type]
        (lambda: SwapEMAWeights(1), "swap_on_epoch: expected True or False, got 1"),  # type: ignore[arg-type]
        (lambda: LearningRateScheduler(0.1), "schedule: expected a function, got float"),  # type: ignore[arg-type]
        (
            lambda: CallbackList(add_progbar=True),
            "CallbackList: add_progbar is not supported; expected False, got True",
        ),
        (
            lambda: TensorBoard(update_freq=0),
            "update_freq: expected 'epoch', 'batch' or an int >= 1, got 0",
        ),
        *(
            (
                lambda name=name, value=value: TensorBoard(**{name: value}),
                f"TensorBoard: {name} is not supported; expected {default!r}, got {value!r}",
            )
            for name, value, default in (
                ("histogram_freq", 1, 0),
                ("write_images", True, False),
                ("profile_batch", (1, 2), 0),
                ("embeddings_freq", 1, 0),
                ("embeddings_metadata", "a", None),
            )
        ),
    ],
)
def test_wrong_arguments_are_refused(
    make: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace())
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    "callback", [ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch, rate: rate)]
)
def test_a_rate_that_a_schedule_sets_is_refused_before_any_step(callback: Callback) -> None:
    schedule = gw.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = make_model(optimizer=gw.optimizers.SGD(schedule))
    message = (
        f"{type(callback).__name__}: expected an optimizer whose learning_rate is a number, got "
        "ExponentialDecay, which sets the rate of each step"
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        model.fit(X, Y, verbose=0, callbacks=[callback])
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize("value", [1, "0.1", None])
def test_a_rate_that_is_not_a_float_is_refused(value: Any) -> None:
    message = f"schedule: expected a float, got {value!r} of type {type(value).__name__}"
    with pytest.raises(ValueError, match=re.escape(message)):
        make_model().fit(
            X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, rate: value)]
        )


def test_a_schedule_of_one_argument_is_recognised_by_its_signature() -> None:
    def broken(epoch: int, rate: float) -> float:
        raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        make_model().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(broken)])
    model = make_model()
    rates = [LearningRateScheduler(lambda epoch: np.float32(0.5))]
    model.fit(X, Y, verbose=0, callbacks=rates)
    assert model.optimizer.learning_rate == 0.5


def test_a_quantity_that_an_epoch_does_not_have_reduces_nothing() -> None:
    model = make_model()
    message = r"ReduceLROnPlateau: monitor: expected one of loss, accuracy, learning_rate, got"
    with pytest.warns(UserWarning, match=message):
        model.fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau(patience=0)])
    assert model.optimizer.learning_rate == 0.01


def test_what_callbacks_of_the_rate_do_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    reducer = ReduceLROnPlateau("loss", 0.5, patience=0, min_delta=10, verbose=1)
    setter = LearningRateScheduler(lambda epoch, rate: 0.1, verbose=1)
    make_model().fit(X, Y, epochs=2, verbose=0, callbacks=[setter, reducer])
    printed = capsys.readouterr().out
    assert "Epoch 1: setting the learning rate to 0.1" in printed
    assert "Epoch 2: reducing the learning rate to 0.05" in printed


def test_the_rate_can_be_in_the_names_of_checkpoints(tmp_path: Path) -> None:
    callbacks = [
        LearningRateScheduler(lambda epoch, rate: 0.25),
        ModelCheckpoint(tmp_path / "{learning_rate:.2f}.gatewise"),
    ]
    make_model().fit(X, Y, verbose=0, callbacks=callbacks)
    assert (tmp_path / "0.25.gatewise").is_file()


@pytest.mark.parametrize("run", ["fit", "evaluate"])
def test_an_optimizer_without_averages_is_refused(run: str) -> None:
    message = "SwapEMAWeights: expected an optimizer with use_ema=True, got Adam without"
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(make_model(), run)(X, Y, verbose=0, callbacks=[SwapEMAWeights()])


def test_averages_are_the_weights_of_tests_and_of_later_callbacks() -> None:
    model = make_model()
    optimizer = gw.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    seen: list[tuple[str, Any]] = []

    class Look(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.look("begin")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.look("end")

        def on_test_begin(self, logs: Any = None) -> None:
            self.look("test")

        def on_train_end(self, logs: Any = None) -> None:
            self.look("last")

        def look(self, when: str) -> None:
            seen.append((when, self.model.get_weights()[0].ravel()))

    fit: dict[str, Any] = {"epochs": 2, "verbose": 0, "batch_size": 4}
    model.fit(X, Y, callbacks=[SwapEMAWeights(), Look()], validation_data=(X, Y), **fit)
    assert [when for when, _ in seen] == [*["begin", "test", "end"] * 2, "last"]
    first, average, trained, second, _, _, last = (weights for _, weights in seen)
    np.testing.assert_array_equal(trained, second)  # tests leave the weights as they are
    # An average lies between the weights at its beginning and those of now, or near them.
    assert np.abs(average - first).sum() < np.abs(trained - first).sum()
    np.testing.assert_array_equal(last, seen[4][1])
    seen.clear()
    model.fit(X, Y, callbacks=[SwapEMAWeights(swap_on_epoch=True), Look()], **fit)
    begin, end, second, last_end, last = (weights for _, weights in seen)
    assert np.abs(end - begin).sum() < np.abs(second - begin).sum()  # weights again
    np.testing.assert_array_equal(last_end, last)
    np.testing.assert_array_equal(last, model.get_weights()[0].ravel())


def test_a_backup_knows_whether_averages_are_in_the_model(tmp_path: Path) -> None:
    first, second = SwapEMAWeights(True), SwapEMAWeights(True)
    first.set_state({"swapped": True})
    second.set_state(first.get_state())
    assert second.get_state() == {"swapped": True}


def test_values_for_tensorboard_go_on_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[tuple[str, str, int], float] = {}

    class Writer:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            written[Path(self.folder).name, tag, step] = value

        def flush(self) -> None:
            pass

        close = flush

    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))

    def run(folder: str, after: int | None, seed: int = 1) -> None:
        callbacks = [
            BackupAndRestore(tmp_path / folder, 4),
            TensorBoard(tmp_path / "logs", update_freq=2),
            Killer(after),
        ]
        make_model(seed).fit(
            X, Y, batch_size=BATCH, epochs=3, validation_data=(X, Y), verbose=0, callbacks=callbacks
        )

    run("whole", None)
    whole = dict(written)
    assert ("train", "batch_loss", 26) in whole
    written.clear()
    with pytest.raises(KilledError):
        run("cut", 14)
    run("cut", None, seed=2)
    assert written == whole


def test_a_file_that_cannot_be_written_is_known_before_any_step(tmp_path: Path) -> None:
    model = make_model()
    with pytest.raises(OSError, match="nowhere"):
        model.fit(X, Y, verbose=0, callbacks=[CSVLogger(tmp_path / "nowhere" / "log.csv")])
    assert model.optimizer.iterations == 0


def test_tests_and_predictions_of_batches_can_be_stopped() -> None:
    model = make_model()

    class Stop(Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_evaluating = True

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_predicting = batch == 1

    batches = [(X[at : at + BATCH], Y[at : at + BATCH]) for at in range(0, 90, BATCH)]
    stopped = model.evaluate(iter(batches), verbose=0, callbacks=[Stop()])
    assert stopped == model.evaluate(X[:BATCH], Y[:BATCH], verbose=0)
    outputs = model.predict(iter([x for x, _ in batches]), verbose=0, callbacks=[Stop()])
    np.testing.assert_array_equal(outputs, model.predict(X[: 2 * BATCH], verbose=0))
    assert model.stop_evaluating is False  # of the last test, which nobody stopped
    assert len(model.predict(X, batch_size=BATCH, verbose=0)) == 90
