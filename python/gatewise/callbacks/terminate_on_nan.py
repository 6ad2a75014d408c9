"""Stops a training whose loss is no longer a number."""

from __future__ import annotations

import math

from gatewise.callbacks.base import Callback, Logs
from gatewise.utils.checks import check_flag


class TerminateOnNaN(Callback):
    """Stops training at the first batch after which the loss is NaN or infinite.

    Parameters
    ----------
    raise_error : bool, default False
        Whether to raise instead of ending the training in order; `on_train_end` is not called then.

    Raises
    ------
    RuntimeError
        In `fit`, if `raise_error`.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = check_flag("raise_error", raise_error)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"loss: expected a finite number, got {loss} at batch {batch}")
        print(f"Batch {batch}: the loss is {loss}, terminating training")
        self.model.stop_training = True
