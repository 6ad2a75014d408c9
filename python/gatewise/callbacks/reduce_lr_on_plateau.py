"""Reduces the learning rate of a training that no longer improves."""

from __future__ import annotations

from gatewise.callbacks.base import Logs, State
from gatewise.callbacks.learning_rates import check_settable, log_rate
from gatewise.callbacks.monitor import MonitorCallback
from gatewise.utils.checks import check_integer, check_number
from gatewise.utils.warn import warn_user


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a quantity has not improved for a while.

    `lr <- max(factor * lr, min_lr)` after `patience` epochs without improvement, if `lr > min_lr`.
    The logs of each epoch get `learning_rate`, which `fit`'s history then has.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The quantity; see `fit`'s history for the names.
    factor : float, default 0.1
        In [0, 1).
    patience : int, default 10
        How many epochs without improvement there are before a reduction.
    verbose : int, default 0
        1 says when it reduces.
    mode : str, default "auto"
        `"min"`, `"max"` or `"auto"`.
    min_delta : float, default 1e-4
        By how much a value must be better to count.
    cooldown : int, default 0
        Epochs after a reduction that are not counted as without improvement.
    min_lr : float, default 0
        The rate is not reduced below it.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; when training begins, if the quantity is unknown, or if a
        schedule sets the learning rate.

    Examples
    --------
    >>> import gatewise as gw
    >>> reducer = gw.callbacks.ReduceLROnPlateau("val_loss", factor=0.2, patience=5, min_lr=1e-5)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, None, min_delta)
        self.factor = check_number("factor", factor, 0)
        if self.factor >= 1:
            raise ValueError(f"factor: expected 0 <= value < 1, got {factor!r}")
        self.patience = check_integer("patience", patience, 0)
        self.verbose = verbose
        self.cooldown = check_integer("cooldown", cooldown, 0)
        self.min_lr = check_number("min_lr", min_lr, 0)
        self.wait = 0
        self.cooldown_counter = 0

    def get_state(self) -> State:
        """The best value, and how long it has been."""
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self.best = state["best"]
        self.wait = state["wait"]
        self.cooldown_counter = state["cooldown_counter"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets an earlier training."""
        super().on_train_begin(logs)
        check_settable("ReduceLROnPlateau", self.model)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares this epoch with the best one, and reduces the rate if it is due."""
        log_rate(self.model, logs)
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            warn_user(
                f"ReduceLROnPlateau: monitor: expected one of {known}, got {self.monitor!r}, "
                "which this epoch does not have; nothing is reduced"
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether the epochs after a reduction are not counted yet."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        rate = self.model.optimizer.learning_rate
        if rate <= self.min_lr:
            return
        rate = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: reducing the learning rate to {rate}")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    def _reset(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0
