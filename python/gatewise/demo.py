"""Demo: train sparse experts, save, load in a new process, predict and plot."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise import experts, plots, utils
from gatewise.callbacks import Callback, History
from gatewise.demo_data import Table
from gatewise.layers import Dense, Input, SparseExpertLayer
from gatewise.models import Sequential

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]

_HELD_OUT_SHARE = 0.2
_BATCH_SIZE = 32
_LEARNING_RATE = 1e-3

# Minimal program that uses the saved model; run as a new process.
_PREDICT_SCRIPT = """
import sys
import numpy as np
import gatewise as gw

model_file, data_file, predictions_file = sys.argv[1:]
x = np.load(data_file)["x"]
np.save(predictions_file, gw.load_model(model_file).predict(x, verbose=0))
"""


@dataclass(frozen=True)
class Split:
    """Shuffled rows: four fifths for training, one fifth held out; `mean` and `scale` are (d,)."""

    x: Floats
    y: Labels
    x_held_out: Floats
    y_held_out: Labels
    mean: Floats
    scale: Floats


class _LoadRecorder(Callback):
    """Records the rows per expert of each epoch."""

    def __init__(self, layer: SparseExpertLayer) -> None:
        super().__init__()
        self.layer = layer
        self.rows: list[npt.NDArray[np.int64]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.rows.append(np.array(self.layer.load_.rows))


class LinearDecay(Callback):
    """Decreases the learning rate linearly towards 0, so that the final accuracy varies less."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.optimizer.learning_rate = _LEARNING_RATE * (1 - epoch / self.epochs)


def split_rows(table: Table, seed: int) -> Split:
    """Shuffle and split a table; if `table.standardize`, standardize by the training rows."""
    order = np.random.default_rng(seed).permutation(len(table.x))
    x, y = table.x[order], table.y[order]
    count = len(x) - round(_HELD_OUT_SHARE * len(x))
    mean, scale = np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
    if table.standardize:
        mean, deviation = x[:count].mean(axis=0), x[:count].std(axis=0)
        scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
    x = (x - mean) / scale
    return Split(x[:count], y[:count], x[count:], y[count:], mean, scale)


def build_model(width: int, num_classes: int) -> Sequential:
    """Sixteen experts, two per row, then a dense softmax layer for the classes."""
    model = Sequential(
        [
            Input(shape=(width,)),
            SparseExpertLayer(
                128,
                num_experts=16,
                k=2,
                expert=experts.MLP(256),
                activation="relu",
            ),
            Dense(num_classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _train(model: Sequential, data: Split, epochs: int) -> tuple[History, npt.NDArray[np.int64]]:
    """Fit; returns the history and the rows per expert (epochs, E)."""
    recorder = _LoadRecorder(_expert_layer(model))
    start = perf_counter()
    history = model.fit(
        data.x,
        data.y,
        batch_size=_BATCH_SIZE,
        epochs=epochs,
        validation_data=(data.x_held_out, data.y_held_out),
        callbacks=[LinearDecay(epochs), recorder],
    )
    seconds = perf_counter() - start
    rows = epochs * len(data.x)
    print(
        f"\ntrained on     {rows:,} rows in {seconds:.1f} s: {rows / seconds:,.0f} rows per second"
    )
    return history, np.array(recorder.rows)


def _expert_layer(model: Sequential) -> SparseExpertLayer:
    return next(layer for layer in model.layers if isinstance(layer, SparseExpertLayer))


def _report(model: Sequential, data: Split) -> Floats:
    """Print held-out accuracy, speed and load; returns the predictions (n, classes)."""
    start = perf_counter()
    predictions: Floats = model.predict(data.x_held_out, verbose=0)
    seconds = perf_counter() - start
    rows = len(predictions)
    right = int(np.sum(predictions.argmax(axis=1) == data.y_held_out))
    print(
        f"predicted      {rows:,} rows in {seconds * 1e3:.0f} ms: {rows / seconds:,.0f} per second"
    )
    print(f"held-out       {right:,} of {rows:,} right: accuracy {right / rows:.3f}")
    load = _expert_layer(model).expert_load(data.x_held_out)
    print(
        f"held-out load  coefficient of variation {load.coefficient_of_variation:.2f}, "
        f"dead experts {len(load.dead)}"
    )
    for expert, (count, share) in enumerate(zip(load.rows, load.share, strict=True)):
        print(f"  expert {expert:2d} {count:6,d} rows {share:6.1%}  {'#' * round(200 * share)}")
    return predictions


def _predict_in_subprocess(model_file: Path, data_file: Path) -> Floats:
    """Predictions of the saved model on the saved rows, computed in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "predictions.npy")
        arguments = [str(model_file), str(data_file), str(result)]
        subprocess.run([sys.executable, "-c", _PREDICT_SCRIPT, *arguments], check=True)
        predictions: Floats = np.load(result)
    return predictions


def run(table: Table, *, epochs: int, out: Path, seed: int) -> float:
    """Run the demo on a table, print results, and write model, rows and figures to `out`.

    Parameters
    ----------
    table : Table
        Training data.
    epochs : int
        Passes over the training rows.
    out : Path
        An existing folder.
    seed : int
        Seed of the shuffle and of the model.

    Returns
    -------
    float
        Held-out accuracy of the model loaded in a new process.

    Raises
    ------
    RuntimeError
        If the predictions of the loaded model differ from those of the trained one.
    """
    utils.set_random_seed(seed)
    data = split_rows(table, seed)
    print(
        f"{table.name}: {len(data.x):,} rows to train on, {len(data.x_held_out):,} held out, "
        f"{data.x.shape[1]} features, {len(table.classes)} classes\n"
    )
    model = build_model(data.x.shape[1], len(table.classes))
    model.summary()
    history, rows_per_expert = _train(model, data, epochs)
    predictions = _report(model, data)

    files = [out / name for name in ("model.gatewise", "held_out.npz")]
    model.save(files[0])
    np.savez_compressed(
        files[1],
        x=data.x_held_out,
        y=data.y_held_out,
        classes=np.array(table.classes),
        mean=data.mean,
        scale=data.scale,
    )
    loaded = _predict_in_subprocess(*files)
    if not np.array_equal(predictions, loaded):
        raise RuntimeError(f"{files[0]}: predictions of the loaded and the trained model differ")
    accuracy = float(np.mean(loaded.argmax(axis=1) == data.y_held_out))
    print(f"loaded         in a new process: the same {len(loaded):,} predictions, bit for bit")

    for name, figure in (
        ("training_curves.png", plots.training_curves(history)),
        ("expert_load.png", plots.expert_load(rows_per_expert)),
    ):
        figure.savefig(out / name, dpi=120)
        files.append(out / name)
    print("written        " + ", ".join(map(str, files)))
    return accuracy
