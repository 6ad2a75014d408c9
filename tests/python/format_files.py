"""Small models and a checkpoint whose files have every name that differs between file versions.

`python tests/python/format_files.py` writes tests/golden/files_2. The same models were written to
tests/golden/files_1 by the code of version 1.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import gatewise as gw
from gatewise.layers import CompressedDense
from golden_cases import SUMS, WIDTH, X, Y

FOLDER = Path(__file__).parents[1] / "golden" / "files_2"
NAMES = FOLDER / "names.json"


class StopError(Exception):
    """Stops a training before its end."""


def compressed_model() -> gw.Sequential:
    gw.utils.set_random_seed(1)
    layers = [
        CompressedDense.from_kernel(sparse_kernel(WIDTH, 24), np.arange(24), "csr", name="csr"),
        CompressedDense.from_kernel(sparse_kernel(24, 17), np.arange(17), "blocks", name="blocks"),
    ]
    return gw.Sequential([gw.Input(shape=(WIDTH,), name="rows"), *layers], name="compressed")


def sparse_kernel(d: int, u: int) -> np.ndarray:
    i, j = np.indices((d, u))
    return np.where((7 * i + 3 * j) % 5 == 0, i - j + 0.5, 0).astype(np.float32)


def standardized_model() -> gw.Sequential:
    gw.utils.set_random_seed(1)
    layers = [gw.sae.Standardize(name="before"), gw.sae.Standardize(inverse=True, name="after")]
    model = gw.Sequential([gw.Input(shape=(4,), name="rows"), *layers], name="standardized")
    for layer in layers:
        layer.standardize(np.arange(4), 2.0)
    return model


def standardized_stack() -> gw.SparseAutoencoder:
    gw.utils.set_random_seed(1)
    settings: dict[str, Any] = {"hidden": (4,), "center": True, "scale": True, "seed": 2}
    sae = gw.SparseAutoencoder(3, activation=gw.TopK(2), name="stack", **settings)
    sae.compile(gw.optimizers.Adam(0.003))
    sae.fit(SUMS, epochs=1, batch_size=16, verbose=0)
    return sae


def batch_top_k() -> gw.SparseAutoencoder:
    gw.utils.set_random_seed(1)
    sae = gw.SparseAutoencoder(8, activation=gw.BatchTopK(2), seed=2, name="dictionary")
    sae.compile(gw.optimizers.Adam(0.003))
    sae.fit(SUMS, epochs=1, batch_size=16, verbose=0)
    return sae


def classifier() -> gw.Sequential:
    gw.utils.set_random_seed(1)
    top = gw.layers.Dense(3, activation="softmax", name="top")
    model = gw.Sequential([gw.Input(shape=(WIDTH,), name="rows"), top], name="pruned")
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def train_pruned(
    model: gw.Sequential, checkpoint: Path | None = None, stop_after: int = -1
) -> tuple[gw.compress.MagnitudePruning, Path | None]:
    """Trains with pruning, continuing from a checkpoint; writes one of the epoch it stops after."""

    def stop(epoch: int, logs: Any) -> None:
        if epoch == stop_after:
            raise StopError

    pruning = gw.compress.MagnitudePruning(0.5, end_step=20)
    with tempfile.TemporaryDirectory() as folder:
        backup = gw.callbacks.BackupAndRestore(folder, save_freq=3)
        if checkpoint and stop_after < 0:
            shutil.copy(checkpoint, backup.path)
        callbacks = [backup, pruning, gw.callbacks.LambdaCallback(on_epoch_end=stop)]
        try:
            model.fit(X, Y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks)
        except StopError:
            assert checkpoint is not None
            shutil.copy(backup.path, checkpoint)
    return pruning, checkpoint


FILES: dict[str, Callable[[Path], object]] = {
    "compressed_dense.gatewise": lambda path: compressed_model().save(path),
    "standardized.gatewise": lambda path: standardized_model().save(path),
    "compressed_dense.weights": lambda path: compressed_model().save_weights(path),
    "standardized_stack.weights": lambda path: standardized_stack().save_weights(path),
    "batch_top_k.weights": lambda path: batch_top_k().save_weights(path),
    "pruning.checkpoint": lambda path: train_pruned(classifier(), path, stop_after=1),
}


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])["__metadata__"]


def described_tensors(path: Path) -> dict[str, dict[str, Any]]:
    """Data type, shape and CRC-32 of each tensor of a file."""
    return json.loads(metadata(path)["tensors"])


def names(path: Path) -> dict[str, list[str]]:
    """The tensors of a file, its configuration keys, and the class names in the configuration.

    Layer names have no numbers: those depend on the layers made before.
    """
    keys, classes = set(), set()
    for key, value in walk(json.loads(metadata(path)["config"])):
        keys.add(key)
        if key.endswith("class_name"):
            classes.add(value)
    return {
        "classes": sorted(classes),
        "config": sorted(keys),
        "tensors": sorted(re.sub(r"_\d+(?=/)", "", name) for name in described_tensors(path)),
    }


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The path and value of each key in a JSON value; list indices are left out."""
    if isinstance(value, list):
        for each in value:
            yield from walk(each, path)
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{path}.{key}".lstrip("."), each
            yield from walk(each, f"{path}.{key}")


if __name__ == "__main__":
    if FOLDER.exists():
        sys.exit(f"{FOLDER} exists: its files must stay those of the code that wrote them")
    FOLDER.mkdir()
    for file_name, write in FILES.items():
        write(FOLDER / file_name)
    listed = {file_name: names(FOLDER / file_name) for file_name in FILES}
    NAMES.write_text(json.dumps(listed, indent=1) + "\n")
