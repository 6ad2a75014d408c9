"""Writes the results of a training for TensorBoard."""

from __future__ import annotations

import os
import time
from typing import Any

from gatewise._extras import import_extra
from gatewise.callbacks.base import Callback, Logs, State
from gatewise.utils.checks import check_defaults, check_flag, check_integer

_DEFAULTS: dict[str, object] = {
    "histogram_freq": 0,
    "write_images": False,
    "profile_batch": 0,
    "embeddings_freq": 0,
    "embeddings_metadata": None,
}


class TensorBoard(Callback):
    """Writes losses, metrics and the learning rate for TensorBoard, which draws them.

    `log_dir/train` gets `epoch_NAME` of each epoch, `log_dir/validation` those of the validations,
    and `evaluation_NAME_vs_iterations` of every test. Needs the package tensorboardX: `pip install
    'gatewise[tensorboard]'`; `tensorboard --logdir logs` shows the pictures.

    Parameters
    ----------
    log_dir : str or path, default "logs"
        The folder; it is made.
    write_graph : bool, default True
        Without effect: no graph is written, as in Keras without TensorFlow.
    write_steps_per_second : bool, default False
        Whether to write the training steps per second of each epoch, and of each step that is
        written.
    update_freq : "epoch", "batch" or int, default "epoch"
        Whether to write also `batch_NAME` of the epoch so far, after every batch or after every so
        many.
    histogram_freq, write_images, profile_batch, embeddings_freq, embeddings_metadata
        Only Keras' defaults: no histograms, images, profiles or embeddings are written.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    ValueError, TypeError
        If an argument is out of range or not supported.

    Notes
    -----
    Continued by `BackupAndRestore`, it goes on in another file of the same folder; TensorBoard
    shows the later value where two files have the same step.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: None = None,
    ) -> None:
        super().__init__()
        given: dict[str, object] = {
            "histogram_freq": histogram_freq,
            "write_images": write_images,
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        check_defaults("TensorBoard", given, _DEFAULTS)
        self._package: Any = import_extra("tensorboardX", "tensorboard")
        self.log_dir = os.fspath(log_dir)
        self.write_graph = check_flag("write_graph", write_graph)
        self.write_steps_per_second = check_flag("write_steps_per_second", write_steps_per_second)
        self.update_freq = _check_update_freq(update_freq)
        if self.update_freq != "epoch":  # else the hooks of a batch would cost time for nothing
            setattr(self, "on_train_batch_begin", self._begin_batch)  # noqa: B010
            setattr(self, "on_train_batch_end", self._end_batch)  # noqa: B010
        self._writers: dict[str, Any] = {}
        self._batches = 0
        self._batch_start = self._epoch_start = 0.0
        self._epoch_first_step = 0

    def get_state(self) -> State:
        """The batches so far, which number the values of batches."""
        return {"batches": self._batches}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self._batches = state["batches"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Counts batches from 0."""
        self._batches = 0

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Writes the results of a test."""
        for name, value in (logs or {}).items():
            tag = f"evaluation_{name}_vs_iterations"
            self._write("validation", tag, value, self.model.optimizer.iterations)
        if "validation" in self._writers:
            self._writers["validation"].flush()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the clock."""
        self._epoch_start = time.perf_counter()
        self._epoch_first_step = self.model.optimizer.iterations

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the results of an epoch."""
        if not logs:
            return
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        train["learning_rate"] = self.model.optimizer.learning_rate
        if self.write_steps_per_second:
            steps = self.model.optimizer.iterations - self._epoch_first_step
            train["steps_per_second"] = steps / (time.perf_counter() - self._epoch_start)
        for name, value in train.items():
            self._write("train", f"epoch_{name}", value, epoch)
        for name, value in logs.items():
            if name.startswith("val_"):
                self._write("validation", f"epoch_{name.removeprefix('val_')}", value, epoch)
        for writer in self._writers.values():
            writer.flush()

    def _begin_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batch_start = time.perf_counter()

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches % int(self.update_freq):
            return
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._batch_start
            self._write("train", "batch_steps_per_second", 1 / seconds, self._batches)
        for name, value in (logs or {}).items():
            self._write("train", f"batch_{name}", value, self._batches)

    def _write(self, part: str, tag: str, value: float, step: int) -> None:
        if part not in self._writers:  # made at the first value, so that no file stays empty
            self._writers[part] = self._package.SummaryWriter(os.path.join(self.log_dir, part))
        self._writers[part].add_scalar(tag, value, step)


def _check_update_freq(value: object) -> str | int:
    if value == "epoch":
        return "epoch"
    try:
        return 1 if value == "batch" else check_integer("update_freq", value, 1)
    except (TypeError, ValueError):
        raise ValueError(
            f"update_freq: expected 'epoch', 'batch' or an int >= 1, got {value!r}"
        ) from None
