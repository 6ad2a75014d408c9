"""Sets the learning rate of each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gatewise.callbacks.base import Callback, Logs, State
from gatewise.callbacks.learning_rates import check_settable, log_rate


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to what a function returns.

    The logs of each epoch get `learning_rate`, which `fit`'s history then has. Rates of single
    steps are set by `gw.optimizers.schedules`.

    Parameters
    ----------
    schedule : callable (epoch, learning_rate) or (epoch)
        Returns a float, at least 0; `epoch` counts from 0, `learning_rate` is the one before.
    verbose : int, default 0
        1 says what is set.

    Raises
    ------
    TypeError
        If `schedule` cannot be called; when training begins, if a schedule of the optimizer sets
        the learning rate.
    ValueError
        In `fit`, if what it returns is not a float.

    Examples
    --------
    >>> import gatewise as gw
    >>> halve = gw.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"schedule: expected a function, got {type(schedule).__name__}")
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes(schedule, 2)

    def get_state(self) -> State:
        """The learning rate, which an epoch that is continued keeps."""
        return {"learning_rate": self.model.optimizer.learning_rate}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self.model.optimizer.learning_rate = state["learning_rate"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Refuses an optimizer whose rate cannot be set."""
        check_settable("LearningRateScheduler", self.model)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets the rate."""
        optimizer = self.model.optimizer
        arguments = (epoch, optimizer.learning_rate) if self._takes_rate else (epoch,)
        rate: Any = self.schedule(*arguments)
        if not isinstance(rate, float | np.floating):
            raise ValueError(
                f"schedule: expected a float, got {rate!r} of type {type(rate).__name__}"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: setting the learning rate to {float(rate)}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Logs the rate."""
        log_rate(self.model, logs)


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function of C that does not describe itself
        return True
    return True
