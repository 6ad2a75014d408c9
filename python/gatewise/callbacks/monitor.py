"""Which of two values of a monitored quantity is better."""

from __future__ import annotations

import math

from gatewise.callbacks.base import Callback, Logs
from gatewise.utils.checks import check_number


class MonitorCallback(Callback):
    """What the callbacks that follow one quantity have in common.

    Parameters
    ----------
    monitor : str
        `"loss"` or a metric's name, with `val_` before it for that of the validation.
    mode : str
        `"min"`, `"max"`, or `"auto"`: as the metric says; a loss is to fall.
    best : float or None
        The value to beat at first.
    min_delta : float
        By how much a value must be better to count; its sign is dropped.

    Raises
    ------
    ValueError
        If `mode` is another one, or if training begins and `"auto"` finds no such quantity, or one
        that does not tell which way is better.
    """

    def __init__(self, monitor: str, mode: str, best: float | None, min_delta: float) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode: expected 'auto', 'min' or 'max', got {mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.best = best
        self.min_delta = abs(check_number("min_delta", min_delta, -math.inf))
        self._sign = 1.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Finds out which way is better."""
        directions = self.model.metric_directions()
        name = self.monitor.removeprefix("val_")
        if self.mode == "auto" and name not in directions:
            raise ValueError(
                f"monitor: expected one of {', '.join(directions)}, alone or after 'val_', or a "
                f"mode 'min' or 'max', got {self.monitor!r} with mode 'auto'"
            )
        if self.mode == "auto" and directions[name] is None:
            raise ValueError(
                f"mode: expected 'min' or 'max' for {self.monitor!r}, which does not tell the way "
                "that is better, got 'auto'"
            )
        upwards = self.mode == "max" or (self.mode == "auto" and directions[name] == "up")
        self._sign = 1.0 if upwards else -1.0

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether `value` is better than `reference` by more than `min_delta`; NaN never is.

        Raises
        ------
        ValueError
            If `value` is an array, such as a score for each class.
        """
        if getattr(value, "ndim", 0):
            raise ValueError(
                f"monitor: expected a metric that is one number, got an array for {self.monitor!r}"
            )
        if math.isnan(value):
            return False
        if reference is None:
            return True
        return self._sign * (value - reference) > self.min_delta
