"""The hooks of a training, test or prediction run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

from gatewise.registry import Config

if TYPE_CHECKING:
    from gatewise.callbacks.protocols import Run, TrainedModel

Logs: TypeAlias = dict[str, float]
State: TypeAlias = dict[str, Any]
"""A callback's own values, to be continued from: JSON values and arrays."""
Array: TypeAlias = npt.NDArray[Any]


class Callback:
    """Called at the begin and end of runs, epochs and batches; override what is needed.

    Attributes
    ----------
    model : Model
        The model at work, once `set_model` was called.
    run : Run or None
        The call of `fit`: its seed, and how to store and restore it.
    params : dict
        `epochs`, `steps` (batches of an epoch, or None) and `verbose` of the run.

    Notes
    -----
    A method of a batch that is overridden costs a few microseconds in every step; the others cost
    nothing. To be continued by `BackupAndRestore`, a callback with a memory of its own gives it in
    `get_state` and takes it back in `set_state`.
    """

    model: TrainedModel
    run: Run | None = None
    params: Config

    def __init__(self) -> None:
        self.params = {}

    def set_params(self, params: Config) -> None:
        """Takes the run's parameters."""
        self.params = params

    def set_model(self, model: TrainedModel) -> None:
        """Takes the model."""
        self.model = model

    def get_state(self) -> State:
        """What a continued run needs: JSON values and arrays; nothing by default."""
        return {}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""

    def set_run(self, run: Run | None) -> None:
        """Takes the run of `fit`, before `on_train_begin`, and None when it is over."""
        self.run = run

    def restore_run(self) -> bool:
        """Whether this callback continued an earlier, unfinished run; called once."""
        return False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called before the first epoch of `fit`."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called after the last epoch of `fit`, with that epoch's logs."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before `evaluate` and before each validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after `evaluate` and after each validation, with its logs."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after `predict`."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch of `fit`."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch and its validation, with the logs of both."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a training step, with the epoch's means so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `evaluate` or of a validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `evaluate` or of a validation, with the means so far."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `predict`."""
