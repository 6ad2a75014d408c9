"""Trials with damaged input: `python tests/trials/mutations.py files|matrices [--seconds 60]`.

Meant for a package that is built with GATEWISE_SANITIZE (see CONTRIBUTING.md): any report of a
sanitizer ends the process, as does a trial of more than a minute. Every input must either work or
raise one of the documented errors.
`--seed` gives another sequence of inputs; `--count` stops after so many.
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
import format_files
import gatewise as gw
import golden_files
from gatewise.io.container import from_bytes, to_bytes
from gatewise.sae import code_serialization

GOLDEN = Path(__file__).parent.parent / "golden"
REFUSALS = (ValueError, TypeError, OSError, MemoryError)
EXTREMES = (-1, 0, 1, 2, 2**16, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, 2**64, -(2**63), 1e300)
WORDS = ("", "relu", "csr", "nan", "../x", "float32", None, True, [], {}, [1, 2], float("inf"))


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """Bytes of which some are changed, cut, repeated or inserted."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(result)) if result else 0
        size = rng.choice((1, 1, 2, 8, 64))
        change = rng.randrange(4)
        if change == 0:
            result[at : at + size] = rng.randbytes(min(size, len(result) - at))
        elif change == 1:
            del result[at : at + size]
        elif change == 2:
            result[at:at] = rng.randbytes(size)
        else:
            del result[at:]
    return bytes(result)


def damaged_json(rng: random.Random, value: Any) -> Any:
    """A JSON value of which one part, at any depth, is another one."""
    if isinstance(value, dict) and value and rng.random() < 0.95:
        key = rng.choice(list(value))
        if rng.random() < 0.05:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: damaged_json(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        changed = [*value]
        changed[at] = damaged_json(rng, changed[at])
        return changed[: rng.randrange(len(value) + 1)] if rng.random() < 0.1 else changed
    if isinstance(value, (int, float)) and not isinstance(value, bool) and rng.random() < 0.8:
        return rng.choice((*EXTREMES, value + 1, value - 1, value * 2))
    return rng.choice((*EXTREMES, *WORDS))


def damaged_array(rng: random.Random, array: Any) -> Any:
    """An array with other values, shape or type."""
    array = array.copy()
    change = rng.randrange(5)
    if change == 0 and array.size:
        flat = array.reshape(-1)
        extreme = rng.choice((*EXTREMES, float("nan"), float("inf")))
        with np.errstate(all="ignore"):
            try:
                flat[rng.randrange(array.size)] = extreme
            except (OverflowError, ValueError):
                flat[rng.randrange(array.size)] = np.iinfo(array.dtype).max
    elif change == 1:
        array = array[: rng.randrange(len(array) + 1)] if array.ndim else array
    elif change == 2:
        array = np.concatenate([array, array]) if array.ndim else array.reshape(1)
    elif change == 3:
        types = ("float64", "int32", "int64", "uint8", "bool")
        with np.errstate(all="ignore"):
            array = array.astype(rng.choice(types))
    else:
        array = array.reshape(-1)
    return array


class Files:
    """Damaged files of every kind, loaded and used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        own = [*(GOLDEN / "files_1").iterdir(), *(GOLDEN / "files_2").iterdir()]
        suffixes = (".gatewise", ".weights", ".checkpoint")
        self._own = [path for path in own if path.suffix in suffixes]
        self._trainings: dict[str, Callable[[Path], Any]] = {
            "experts.checkpoint": lambda path: golden_files.resume(
                golden_files.experts_model(), path
            ),
            "sae.checkpoint": lambda path: golden_files.resume(
                golden_files.autoencoder(**golden_files.AUTOENCODERS["sae_top_k"]), path
            ),
            "pruning.checkpoint": lambda path: format_files.train_pruned(
                format_files.classifier(), path
            ),
        }
        self._codes = (GOLDEN / "files_1" / "codes.bytes").read_bytes()
        self._others = [path for path in (GOLDEN / "sae").iterdir() if path.is_dir()]
        self._content = {".gatewise": "model", ".weights": "weights", ".checkpoint": "checkpoint"}

    def trial(self, rng: random.Random) -> None:
        """One damaged file."""
        kind = rng.random()
        if kind < 0.7:
            self._load_own(rng, rng.choice(self._own))
        elif kind < 0.8:
            code_serialization.from_bytes(damaged_bytes(rng, self._codes))
        else:
            self._load_other(rng, rng.choice(self._others))

    def _load_own(self, rng: random.Random, source: Path) -> None:
        name, suffix, data = source.name, source.suffix, source.read_bytes()
        if rng.random() < 0.2:
            data = damaged_bytes(rng, data)
        else:  # with checksums that are right
            content = self._content[suffix]
            container = from_bytes(data, "file", content)
            config, tensors = copy.deepcopy(container.config), dict(container.tensors)
            for _ in range(rng.choice((1, 1, 1, 3))):
                if tensors and rng.random() < 0.4:
                    tensor = rng.choice(list(tensors))
                    if rng.random() < 0.1:
                        del tensors[tensor]
                    else:
                        tensors[tensor] = damaged_array(rng, tensors[tensor])
                else:
                    config = damaged_json(rng, config)
            if not isinstance(config, dict):
                config = {"config": config}
            data = to_bytes(content, config, tensors)
        path = self._folder / "file"
        path.write_bytes(data)
        if name in self._trainings:
            self._trainings[name](path)
        elif suffix == ".weights":
            self._model().load_weights(path)
        elif suffix == ".gatewise":
            use(gw.load_model(path))

    @staticmethod
    def _model() -> gw.Sequential:
        return gw.Sequential([gw.Input((6,)), gw.layers.Dense(4), gw.layers.Dense(3)])

    def _load_other(self, rng: random.Random, source: Path) -> None:
        folder = self._folder / "other"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        files = [path for path in folder.rglob("*") if path.is_file() and path.stem != "expected"]
        path = rng.choice(files)
        data = path.read_bytes()
        if path.suffix == ".json" and rng.random() < 0.8:
            data = json.dumps(damaged_json(rng, json.loads(data))).encode()
        else:
            data = damaged_bytes(rng, data)
        path.write_bytes(data)
        use(gw.SparseAutoencoder.import_from(folder))


def use(model: Any) -> None:
    """A prediction and a training step."""
    width = model.input_shape[-1] if model.built and not isinstance(model.input_shape, list) else 6
    if width > 4096:
        return
    x = np.ones((3, width), np.float32)
    outputs = model.predict(x, verbose=0)
    if getattr(model, "compiled", False):
        model.train_on_batch(x, outputs)


class Matrices:
    """Damaged sparse matrices, given to every call that takes one."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        rows, width = 12, 16
        self._dense = np.where(rng.random((rows, width)) < 0.4, rng.random((rows, width)), 0)
        self._dense = self._dense.astype(np.float32)
        y = np.arange(rows) % 3
        model = gw.Sequential([gw.Input((width,)), gw.layers.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        layer = gw.SparseExpertLayer(3, num_experts=2, k=1)
        layer.build((None, width))
        maps = gw.Sequential(
            [
                gw.Input((width,)),
                gw.SparseExpertLayer(
                    3, num_experts=2, k=1, expert=gw.experts.Conv2D(2, map_shape=(4, 4))
                ),
            ]
        )
        sae = gw.SparseAutoencoder(width, activation=gw.TopK(2))
        sae.compile("adam")
        sae.fit(self._dense, verbose=0)
        codes = sae.encode(self._dense)
        self._calls: list[Callable[[Any], Any]] = [
            lambda x: model.fit(x, y, verbose=0),
            lambda x: model.fit(x, y, validation_split=0.3, verbose=0),
            lambda x: model.predict(x, verbose=0),
            lambda x: model.train_on_batch(x, y),
            lambda x: maps.predict(x, verbose=0),
            layer.routing,
            sae.decode,
            lambda x: sae.search(x, self._dense, 2),
            lambda x: sae.search(codes, x, 2),
            sae.to_bytes,
        ]

    def trial(self, rng: random.Random) -> None:
        """One damaged matrix."""
        kind = rng.choice(("csr", "csr", "csc", "bsr", "coo", "dia"))
        matrix = sparse.csr_matrix(self._dense).asformat(kind, copy=True)
        names = {"coo": ("row", "col", "data"), "dia": ("offsets", "data")}
        for _ in range(rng.choice((1, 1, 2, 3))):
            change = rng.randrange(8)
            if change == 0:
                matrix._shape = tuple(rng.choice((-1, 0, 3, 12, 16, 17, 400, 2**31)) for _ in "rc")
            elif change == 1:
                matrix.has_canonical_format = rng.random() < 0.5
                matrix.has_sorted_indices = rng.random() < 0.5
            else:
                name = rng.choice(names.get(kind, ("indptr", "indices", "data")))
                setattr(matrix, name, damaged_array(rng, getattr(matrix, name)))
        rng.choice(self._calls)(matrix)


def main() -> None:
    """Runs trials until the time or the count is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("files", "matrices"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--count", type=int, default=1 << 62)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes: Counter[str] = Counter()
    unexpected: list[str] = []
    stop = time.monotonic() + arguments.seconds
    with tempfile.TemporaryDirectory() as name:
        trials = (Files if arguments.kind == "files" else Matrices)(Path(name))
        for count in range(arguments.count):
            if time.monotonic() > stop:
                break
            faulthandler.dump_traceback_later(60, exit=True)
            try:
                trials.trial(random.Random(f"{arguments.seed} {count}"))
                outcomes["accepted"] += 1
            except REFUSALS as error:
                outcomes[type(error).__name__] += 1
            except Exception as error:
                outcomes[type(error).__name__] += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                unexpected.append(
                    f"trial {count}: {error!r:.300} in {where.filename}:{where.lineno}"
                )
    faulthandler.cancel_dump_traceback_later()
    print(f"{sum(outcomes.values())} trials: {dict(outcomes)}")
    for each in unexpected[:20]:
        print(each)
    sys.exit(1 if unexpected else 0)


if __name__ == "__main__":
    main()
