"""Stops a training that no longer improves."""

from __future__ import annotations

from gatewise.callbacks.base import Array, Logs, State
from gatewise.callbacks.monitor import MonitorCallback
from gatewise.utils.checks import check_flag, check_integer, check_number
from gatewise.utils.warn import warn_user


class EarlyStopping(MonitorCallback):
    """Stops when a quantity has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The quantity; see `fit`'s history for the names.
    min_delta : float, default 0
        By how much it must improve to count.
    patience : int, default 0
        How many epochs without improvement are borne.
    verbose : int, default 0
        1 says when it stops and restores.
    mode : str, default "auto"
        `"min"`, `"max"` or `"auto"`.
    baseline : float, optional
        Only epochs better than this reset the patience.
    restore_best_weights : bool, default False
        Whether the model gets back the weights of its best epoch when training ends, for whatever
        reason it ends: patience, the last epoch, or another callback. (False is Keras' default:
        the weights then are those of the last step.)
    start_from_epoch : int, default 0
        Epochs before this one are not looked at.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or the quantity is unknown when training begins.

    Examples
    --------
    >>> import gatewise as gw
    >>> stopper = gw.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, None, min_delta)
        self.patience = check_integer("patience", patience, 0)
        self.verbose = verbose
        if baseline is not None:
            check_number("baseline", baseline, -float("inf"))
        self.baseline = baseline
        self.restore_best_weights = check_flag("restore_best_weights", restore_best_weights)
        self.start_from_epoch = check_integer("start_from_epoch", start_from_epoch, 0)
        self.best_weights: list[Array] | None = None
        self._best_layers: list[State] = []
        self._reset()

    def get_state(self) -> State:
        """The best epoch, its weights, and how long it has been."""
        state: State = {
            "wait": self.wait,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "best_layers": self._best_layers,
        }
        for index, weight in enumerate(self.best_weights or []):
            state[f"best_weights.{index}"] = weight
        return state

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self.wait = state["wait"]
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.stopped_epoch = state["stopped_epoch"]
        count = sum(key.startswith("best_weights.") for key in state)
        stored = [state[f"best_weights.{index}"] for index in range(count)]
        self.best_weights = stored or None
        self._best_layers = state.get("best_layers", [])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets an earlier training."""
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares this epoch with the best one."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            warn_user(
                f"EarlyStopping: monitor: expected one of {known}, got {self.monitor!r}, "
                "which this epoch does not have; nothing is stopped"
            )
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.improves(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Gives the best weights back to the model."""
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch: {self.best_epoch + 1}.")
            for layer, state in zip(self.model.layers, self._best_layers, strict=False):
                layer.set_state(state)  # such as groups of units, of which weights are
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
            self._best_layers = [layer.get_state() for layer in self.model.layers]

    def _reset(self) -> None:
        self.wait = 0
        self.best = None
        self.best_epoch = 0
        self.stopped_epoch = 0
        self.best_weights = None
        self._best_layers = []
