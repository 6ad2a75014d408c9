"""Tests and predicts with the moving average of the weights."""

from __future__ import annotations

from typing import Any

from gatewise.callbacks.base import Callback, Logs, State
from gatewise.utils.checks import check_flag


class SwapEMAWeights(Callback):
    """Exchanges the model's weights and their moving averages around tests and predictions.

    The optimizer keeps the averages: `gw.optimizers.Adam(use_ema=True)`.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        Whether the averages are also the model's weights when an epoch ends, until the next one
        begins: for callbacks after this one, such as `ModelCheckpoint`.

    Raises
    ------
    TypeError
        If the argument is not True or False.
    ValueError
        When training, a test or a prediction begins, if the optimizer keeps no averages.

    Notes
    -----
    After `predict` the model has its own weights again. In Keras 3.15 it keeps the averages.

    References
    ----------
    Polyak, Juditsky 1992, "Acceleration of stochastic approximation by averaging".

    Examples
    --------
    >>> import gatewise as gw
    >>> callbacks = [gw.callbacks.SwapEMAWeights(swap_on_epoch=True)]
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = check_flag("swap_on_epoch", swap_on_epoch)
        self._swapped = False

    def get_state(self) -> State:
        """Whether the averages are in the model."""
        return {"swapped": self._swapped}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self._swapped = state["swapped"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Refuses an optimizer without averages."""
        self._averaging_optimizer()
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The weights, to be trained."""
        if self.swap_on_epoch:
            self._put_averages(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The averages, for the callbacks that follow."""
        if self.swap_on_epoch:
            self._put_averages(True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """The model has the averages now, with and without this callback."""
        self._swapped = False

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The averages."""
        self._put_averages(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The weights."""
        self._put_averages(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """The averages."""
        self._put_averages(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """The weights."""
        self._put_averages(False)

    def _put_averages(self, averages: bool) -> None:
        """Makes the averages the model's weights, or the weights again."""
        if self._swapped != averages:
            self._averaging_optimizer().swap_ema_weights()
            self._swapped = averages

    def _averaging_optimizer(self) -> Any:
        optimizer: Any = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights: expected an optimizer with use_ema=True, got "
                f"{type(optimizer).__name__} without"
            )
        return optimizer
