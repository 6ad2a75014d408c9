"""Callbacks that monitor one quantity: EarlyStopping and ModelCheckpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import EarlyStopping, ModelCheckpoint
from training_models import assert_same_weights, make_data, make_model

X, Y = make_data()


class Scripted(gw.callbacks.Callback):
    """Writes values into the logs before other callbacks read them; keeps each epoch's weights."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = values
        self.weights: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["loss"] = self.values[epoch]
        self.weights.append(self.model.get_weights())


def run(values: list[float], stopper: EarlyStopping, **options: Any) -> tuple[Any, Scripted]:
    model, script = make_model(), Scripted(values)
    callbacks = [script, stopper, *options.pop("callbacks", [])]
    model.fit(X, Y, epochs=len(values), verbose=0, callbacks=callbacks)
    return model, script


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ([3, 2, 2, 1, 1], {}, 3),
        ([3, 2, 2, 1, 1], {"patience": 2}, 5),
        ([3, 2, 2.5, 2.4, 2.3, 1], {"patience": 3}, 5),
        ([3, 2.9, 2.8, 2.7], {"min_delta": 0.5, "patience": 2}, 3),
        ([3, 2, 1], {"baseline": 0.5, "patience": 2}, 3),
        ([1, 1, 1, 1, 1], {"start_from_epoch": 3}, 5),
        ([1, 2, 3], {"mode": "max"}, 3),
        ([np.nan, 2, 1, 1, 1], {"patience": 1}, 4),
        ([np.nan, 2, 1, 1, 1], {"patience": 2}, 5),
    ],
)
def test_early_stopping_stops_at_the_same_epoch_as_keras(
    values: list[float], options: dict[str, Any], epochs: int
) -> None:
    _, script = run(values, EarlyStopping(monitor="loss", **options))
    assert len(script.weights) == epochs


@pytest.mark.parametrize(
    ("values", "callbacks"),
    [
        ([3, 1, 2, 2, 2, 2], []),
        ([3, 1, 2], []),
        (
            [3, 1, 2, 2, 2, 2],
            [
                gw.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs: None,
                    on_train_end=lambda logs: None,
                )
            ],
        ),
    ],
    ids=["patience", "epochs ran out", "with others"],
)
def test_early_stopping_restores_the_best_weights(
    values: list[float], callbacks: list[Any]
) -> None:
    stopper = EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    model, script = run(values, stopper, callbacks=callbacks)
    for ours, best in zip(model.get_weights(), script.weights[1], strict=True):
        np.testing.assert_array_equal(ours, best)


def test_early_stopping_restores_the_best_weights_when_another_callback_stops() -> None:
    class Stop(gw.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 2

    stopper = EarlyStopping(monitor="loss", patience=10, restore_best_weights=True)
    model, script = run([3, 1, 2, 2, 2], stopper, callbacks=[Stop()])
    assert len(script.weights) == 3
    for ours, best in zip(model.get_weights(), script.weights[1], strict=True):
        np.testing.assert_array_equal(ours, best)


def test_early_stopping_keeps_the_last_weights_without_restoring() -> None:
    model, script = run([3, 1, 2, 2], EarlyStopping(monitor="loss", patience=5))
    for ours, last in zip(model.get_weights(), script.weights[-1], strict=True):
        np.testing.assert_array_equal(ours, last)


def test_early_stopping_can_be_reused() -> None:
    stopper = EarlyStopping(monitor="loss")
    run([3, 3, 3], stopper)
    _, script = run([5, 4, 3], stopper)
    assert len(script.weights) == 3


def test_early_stopping_prints_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    run([1, 2], EarlyStopping(monitor="loss", verbose=1, restore_best_weights=True))
    printed = capsys.readouterr().out
    assert "Epoch 2: early stopping" in printed
    assert "Restoring the weights of the best epoch: 1." in printed


def test_the_direction_of_improvement_follows_the_metric() -> None:
    stopper = EarlyStopping(monitor="val_accuracy")
    stopper.set_model(make_model())
    stopper.on_train_begin()
    assert stopper.improves(0.9, 0.8) and not stopper.improves(0.8, 0.9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(mode="up"), "mode: expected 'auto', 'min' or 'max', got 'up'"),
        (lambda: EarlyStopping(patience=-1), "patience: expected an integer >= 0, got -1"),
        (lambda: ModelCheckpoint("m", save_freq=0), "save_freq: expected 'epoch' or an int >= 1"),
        (lambda: ModelCheckpoint("m", save_freq="batch"), "save_freq: expected 'epoch' or an int"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_an_unknown_monitored_quantity_is_refused_before_training() -> None:
    model, untouched = make_model(), make_model()
    for callback in (EarlyStopping(monitor="val_f1"), ModelCheckpoint("m", "f1", 0, True)):
        with pytest.raises(ValueError, match="monitor: expected one of loss, accuracy"):
            model.fit(X, Y, verbose=0, callbacks=[callback])
    assert_same_weights(model, untouched)


def test_a_monitored_quantity_missing_from_an_epoch_warns() -> None:
    with pytest.warns(UserWarning, match="EarlyStopping: monitor: expected one of loss, accuracy"):
        make_model().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


def test_checkpoints_are_named_by_epoch_and_logs(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "{epoch:02d}-{val_loss:.3f}.gatewise"
    model = make_model()
    history = model.fit(
        X, Y, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[ModelCheckpoint(path)]
    )
    losses = history.history["val_loss"]
    names = [f"{epoch:02d}-{loss:.3f}.gatewise" for epoch, loss in enumerate(losses, start=1)]
    assert sorted(file.name for file in path.parent.iterdir()) == names
    loaded = gw.load_model(path.parent / names[-1])
    assert_same_weights(loaded, model)
    loaded.fit(X, Y, verbose=0)
    model.fit(X, Y, verbose=0)
    assert_same_weights(loaded, model)


def test_save_best_only_saves_only_better_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "{epoch}.gatewise")
    saver = ModelCheckpoint(path, monitor="loss", save_best_only=True, verbose=1)
    make_model().fit(X, Y, epochs=4, verbose=0, callbacks=[Scripted([3, 4, 2, 2]), saver])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["1.gatewise", "3.gatewise"]
    assert "Epoch 2: loss did not improve from 3" in capsys.readouterr().out


def test_initial_value_threshold_must_be_improved_on(tmp_path: Path) -> None:
    saver = ModelCheckpoint(
        str(tmp_path / "{epoch}"), "loss", save_best_only=True, initial_value_threshold=2.5
    )
    make_model().fit(X, Y, epochs=2, verbose=0, callbacks=[Scripted([3, 2]), saver])
    assert [file.name for file in tmp_path.iterdir()] == ["2"]


def test_checkpoints_are_saved_every_save_freq_batches(tmp_path: Path) -> None:
    saver = ModelCheckpoint(
        str(tmp_path / "{epoch}-{batch}.weights"), save_weights_only=True, save_freq=3
    )
    model = make_model()
    model.fit(X, Y, batch_size=25, epochs=3, verbose=0, callbacks=[saver])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2-1.weights", "3-2.weights"]
    other = make_model(seed=9)
    other.load_weights(tmp_path / "3-2.weights")
    assert_same_weights(model, other)


def test_paths_that_cannot_be_written_are_refused_before_training(tmp_path: Path) -> None:
    model, untouched = make_model(), make_model()
    with pytest.raises(ValueError, match=r"filepath: expected names of .*, got \{auc\}"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint("{auc}.gatewise")])
    with pytest.raises(ValueError, match="filepath: expected a file, got the folder"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path)])
    assert_same_weights(model, untouched)


@pytest.mark.parametrize("options", [{}, {"save_freq": 2}])
def test_a_name_of_a_validation_needs_one_before_the_first_step(
    tmp_path: Path, options: dict[str, int]
) -> None:
    model, untouched = make_model(), make_model()
    saver = ModelCheckpoint(tmp_path / "{val_loss}.gatewise", **options)
    with pytest.raises(ValueError, match=r"filepath: expected names of .*, got \{val_loss\}"):
        model.fit(X, Y, verbose=0, callbacks=[saver])
    assert_same_weights(model, untouched)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("{epoch}-{val_loss:.3f}.gatewise", {}),
        ("{epoch}.gatewise", {"save_best_only": True, "monitor": "val_loss", "mode": "max"}),
    ],
)
def test_epochs_without_validation_are_skipped(
    tmp_path: Path, path: str, options: dict[str, Any]
) -> None:
    model = make_model()
    model.optimizer.learning_rate = 0.0  # the same loss in every epoch
    saver = ModelCheckpoint(tmp_path / path, **options)
    with pytest.warns(UserWarning, match="is not in the logs.*nothing is saved") as warned:
        model.fit(
            X, Y, epochs=5, validation_split=0.2, validation_freq=2, verbose=0, callbacks=[saver]
        )
    assert len(warned) == 1
    saved = sorted(int(re.match(r"\d+", each.name)[0]) for each in tmp_path.iterdir())
    assert saved == ([2] if options else [2, 4])
