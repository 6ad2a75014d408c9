"""Stores what Keras' callbacks do: `python tests/keras/make_callbacks_figures.py` with Keras."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import callback_cases as cases
import keras

FILE = Path(__file__).parent / "figures" / "callbacks.json"


class Recorder:
    """Stands for `tf.summary`: keeps folder, tag, value and step of scalars."""

    def __init__(self) -> None:
        self.written: list[list[Any]] = []
        self._folders: list[str] = []
        self._may_record: list[Any] = []

    def create_file_writer(self, folder: str) -> Any:
        recorder = self

        class Writer:
            @contextlib.contextmanager
            def as_default(self, step: Any = None) -> Any:
                recorder._folders.append(Path(folder).name)
                yield
                recorder._folders.pop()

            def close(self) -> None:
                pass

        return Writer()

    @contextlib.contextmanager
    def record_if(self, condition: Any) -> Any:
        self._may_record.append(condition)
        yield
        self._may_record.pop()

    def scalar(self, tag: str, value: Any, step: Any) -> None:
        if self._folders and all(condition() for condition in self._may_record):
            self.written.append([self._folders[-1], tag, float(value), int(step)])


def recorded_scalars(update_freq: Any) -> list[list[Any]]:
    recorder = Recorder()
    callback = keras.callbacks.TensorBoard("logs", write_graph=False, update_freq=update_freq)
    callback._summary_module = recorder
    return cases.scalars(callback, recorder.written, cases.model(keras))


def recorded_swaps(swap_on_epoch: bool) -> list[str]:
    swaps: list[int] = []
    callback = keras.callbacks.SwapEMAWeights(swap_on_epoch)
    swap = callback._swap_variables
    callback._swap_variables = lambda: (swap(), swaps.append(0))
    return cases.swap_hooks(cases.model(keras, use_ema=True), callback, swaps)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = [
            cases.written_table(keras, *case, Path(folder) / f"{index}.csv")
            for index, case in enumerate(cases.TABLES)
        ]
    stored = {
        "keras": keras.__version__,
        "stopping": [cases.epochs_until_stopped(keras, *case) for case in cases.STOPPING],
        "plateaus": [cases.reduced_rates(keras, *case) for case in cases.PLATEAUS],
        "saving": [cases.saved_files(keras, *case, ".keras") for case in cases.SAVING],
        "scheduled": cases.scheduled_training(keras),
        "scheduled_by_epoch": cases.scheduled_by_epoch(keras),
        "tables": tables,
        "stopped": cases.stopped_runs(keras),
        "swaps": [recorded_swaps(flag) for flag in (False, True)],
        "scalars": [recorded_scalars(freq) for freq in ("epoch", 3, "batch")],
    }
    lines = [f'  "{name}": {json.dumps(value)}' for name, value in stored.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
