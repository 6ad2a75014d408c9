"""What callbacks and training do when a training diverges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.callbacks.protocols import TrainedModel


class DivergenceWarning(UserWarning):
    """The loss or the weights of a training are no longer finite."""


class StoreGuard:
    """Keeps the last good file of a training: weights that are not finite are not stored."""

    def __init__(self) -> None:
        self._warned = False

    def begin(self) -> None:
        """Called when training begins: each training warns once."""
        self._warned = False

    def may_store(self, model: TrainedModel, path: object) -> bool:
        """Whether all weights are finite; else warns that the file at `path` stays as it is."""
        if all(np.isfinite(weight).all() for weight in model.get_weights()):
            return True
        if not self._warned:
            warn_user(
                f"{path}: not written, as the weights are not finite; the last good file stays",
                DivergenceWarning,
            )
        self._warned = True
        return False


def warn_diverged(loss: float, epoch: int, step: int) -> None:
    """Warns of the first loss that is not finite; `epoch` and `step` are counted from 0."""
    warn_user(
        f"loss: {loss} in epoch {epoch + 1}, step {step + 1}; training goes on, but learns nothing "
        "more. Try a smaller learning rate, clipnorm=1.0 in the optimizer, or smaller values in x; "
        "gw.callbacks.TerminateOnNaN stops",
        DivergenceWarning,
    )
