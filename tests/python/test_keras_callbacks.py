"""Callbacks do what Keras' do; its results are stored by tests/keras/make_callbacks_figures.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gatewise as gw

KERAS = Path(__file__).parents[1] / "keras"
sys.path.insert(0, str(KERAS))
import callback_cases as cases  # noqa: E402

sys.path.remove(str(KERAS))
STORED = json.loads((KERAS / "figures" / "callbacks.json").read_text(encoding="utf-8"))
# Both compute in float32, in another order; the training multiplies a difference at most tenfold.
TOLERANCE = 1e-5


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("index", range(len(cases.STOPPING)))
def test_early_stopping_stops_and_restores_as_keras_does(index: int) -> None:
    found = cases.epochs_until_stopped(gw, *cases.STOPPING[index])
    assert found == close(STORED["stopping"][index])


@pytest.mark.parametrize("index", range(len(cases.PLATEAUS)))
def test_the_rate_is_reduced_as_in_keras(index: int) -> None:
    found = cases.reduced_rates(gw, *cases.PLATEAUS[index])
    assert found == close(STORED["plateaus"][index])


@pytest.mark.parametrize("index", range(len(cases.SAVING)))
def test_checkpoints_are_saved_when_keras_saves_them(index: int) -> None:
    assert cases.saved_files(gw, *cases.SAVING[index], ".gatewise") == STORED["saving"][index]


def test_a_scheduled_rate_trains_as_in_keras() -> None:
    for name, run in (
        ("scheduled", cases.scheduled_training),
        ("scheduled_by_epoch", cases.scheduled_by_epoch),
    ):
        found = run(gw)
        assert list(found) == list(STORED[name])
        for key, values in found.items():
            assert values == close(STORED[name][key])


@pytest.mark.parametrize("index", range(len(cases.TABLES)))
def test_a_csv_file_has_the_lines_of_keras(index: int, tmp_path: Path) -> None:
    found = cases.written_table(gw, *cases.TABLES[index], tmp_path / "log.csv")
    expected = STORED["tables"][index]
    assert found[0] == expected[0]
    assert len(found) == len(expected)
    for line, wanted in zip(found[1:], expected[1:], strict=True):
        assert line[0] == wanted[0]
        for cell, other in zip(line[1:], wanted[1:], strict=True):
            assert cell == other == "NA" or float(cell) == close(float(other))


def test_a_test_and_a_prediction_that_are_stopped_have_the_results_of_keras() -> None:
    found = cases.stopped_runs(gw)
    for name, value in STORED["stopped"].items():
        assert found[name] == close(value), name
    assert len(found["stopped_outputs"]) == 4


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averages_are_swapped_at_the_hooks_of_keras(swap_on_epoch: bool) -> None:
    swaps: list[int] = []
    model = cases.model(gw)
    optimizer: Any = model.optimizer
    optimizer.use_ema, optimizer.swap_ema_weights = True, lambda: swaps.append(0)
    found = cases.swap_hooks(model, gw.callbacks.SwapEMAWeights(swap_on_epoch), swaps)
    # Keras does not swap at the prediction, as it takes the averages for still swapped in.
    extra = ["predict_begin"] if swap_on_epoch else []
    assert found == STORED["swaps"][swap_on_epoch] + extra


class Writer:
    """Stands for tensorboardX.SummaryWriter."""

    written: list[list[Any]]

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder).name

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        Writer.written.append([self.folder, tag, value, step])

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.add_scalar = None  # type: ignore[assignment,method-assign]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    Writer.written = []
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    return Writer.written


@pytest.mark.parametrize("index", range(3))
def test_tensorboard_gets_the_scalars_of_keras(index: int, written: list[list[Any]]) -> None:
    update_freq: Any = ("epoch", 3, "batch")[index]
    callback = gw.callbacks.TensorBoard("logs", update_freq=update_freq)
    found, expected = cases.scalars(callback, written, cases.model(gw)), STORED["scalars"][index]
    if update_freq == 3:  # Keras drops values of epochs and tests whose last batch is not due
        found = [line for line in found if line[1] == "batch_loss"]
        expected = [line for line in expected if line[1] == "batch_loss"]
    assert [[a, b, d] for a, b, _, d in found] == [[a, b, d] for a, b, _, d in expected]
    assert [line[2] for line in found] == close([line[2] for line in expected])


def test_tensorboard_writes_steps_per_second(written: list[list[Any]]) -> None:
    callback = gw.callbacks.TensorBoard("logs", write_steps_per_second=True, update_freq=2)
    cases.fit(cases.model(gw), [callback], 1)
    rates = {tag: value for _, tag, value, _ in written if "steps_per_second" in tag}
    assert set(rates) == {"batch_steps_per_second", "epoch_steps_per_second"}
    assert min(rates.values()) > 0


def test_without_batches_tensorboard_costs_nothing_in_a_step(written: list[list[Any]]) -> None:
    callbacks = gw.callbacks.CallbackList([gw.callbacks.TensorBoard()])
    assert not callbacks.watches_train_batches
    callbacks = gw.callbacks.CallbackList([gw.callbacks.TensorBoard(update_freq=1)])
    assert callbacks.watches_train_batches


def test_tensorboard_names_the_extra_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"tensorboardX is required .*'gatewise\[tensorboard\]'"):
        gw.callbacks.TensorBoard()


def test_rates_are_the_numbers_that_were_set() -> None:
    """Where Keras has the nearest float32."""
    assert cases.scheduled_training(gw)["learning_rate"] == [0.1, 0.1, 0.05, 0.025, 0.0125]
