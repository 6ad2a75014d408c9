"""What the callbacks that set the learning rate have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.callbacks.base import Logs

if TYPE_CHECKING:
    from gatewise.callbacks.protocols import TrainedModel


def check_settable(owner: str, model: TrainedModel) -> None:
    """Checks that the learning rate is a number, which can be set.

    Raises
    ------
    TypeError
        If a schedule sets the rate of each step.
    """
    schedule = model.optimizer.schedule
    if schedule is not None:
        raise TypeError(
            f"{owner}: expected an optimizer whose learning_rate is a number, got "
            f"{type(schedule).__name__}, which sets the rate of each step"
        )


def log_rate(model: TrainedModel, logs: Logs | None) -> None:
    """Adds the learning rate to the logs of an epoch, for the callbacks that come later."""
    if logs is not None:
        logs["learning_rate"] = model.optimizer.learning_rate
