"""Saves the model while it trains."""

from __future__ import annotations

import os
import string

from gatewise.callbacks.base import Logs, State
from gatewise.callbacks.divergence import StoreGuard
from gatewise.callbacks.monitor import MonitorCallback
from gatewise.utils.checks import check_flag, check_integer
from gatewise.utils.file_names import check_suffix
from gatewise.utils.warn import warn_user


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, at the end of epochs or every so many batches.

    Parameters
    ----------
    filepath : str or path
        Where to; may contain `{epoch}` (from 1), `{batch}` and the names of the logs, with formats:
        `"{epoch:02d}-{val_loss:.2f}.gatewise"`. Folders are made.
    monitor : str, default "val_loss"
        The quantity for `save_best_only`.
    verbose : int, default 0
        1 says what is saved.
    save_best_only : bool, default False
        Whether to save only when the quantity improves.
    save_weights_only : bool, default False
        Whether to save weights (`save_weights`) rather than the whole model with its optimizer.
    mode : str, default "auto"
        `"min"`, `"max"` or `"auto"`.
    save_freq : "epoch" or int, default "epoch"
        Every epoch, or every so many batches.
    initial_value_threshold : float, optional
        The value to beat at first.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; when training begins, if `filepath` is a folder or names
        what the logs do not have, or (with `save_best_only`) the quantity is unknown.

    Notes
    -----
    A file is written whole or not at all, and not if a weight is NaN or infinite: then the last
    good file stays, with a `DivergenceWarning`. To continue a stopped training exactly, use
    `BackupAndRestore`.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold, 0)
        check_suffix(filepath, allows_keras=not save_weights_only)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = check_flag("save_best_only", save_best_only)
        self.save_weights_only = check_flag("save_weights_only", save_weights_only)
        self.save_freq = save_freq if save_freq == "epoch" else check_save_freq(save_freq)
        self._guard = StoreGuard()
        self._has_skipped = False
        self._batches = 0
        self._epoch = 0

    def get_state(self) -> State:
        """The best value, and the batches since the last file."""
        return {"best": self.best, "batches": self._batches}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self.best = state["best"]
        self._batches = state["batches"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Refuses a path that could not be written later."""
        self._guard.begin()
        self._has_skipped = False
        if self.save_best_only:
            super().on_train_begin(logs)
        names = list(self.model.metric_directions())
        known = {"epoch", "learning_rate", *names}  # other callbacks may log the rate
        if self.save_freq != "epoch":
            known.add("batch")
        if self.save_freq == "epoch" and (self.run is None or self.run.validates):
            known |= {f"val_{name}" for name in names}
        for _, name, _, _ in string.Formatter().parse(self.filepath):
            if name is not None and name not in known:
                raise ValueError(
                    f"filepath: expected names of {', '.join(sorted(known))}, got {{{name}}}"
                )
        if os.path.isdir(self.filepath):
            raise ValueError(f"filepath: expected a file, got the folder {self.filepath}")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remembers the epoch, for the file's name."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves if it is due."""
        if self.save_freq == "epoch":
            self._save({"epoch": epoch + 1}, logs or {})

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves if it is due."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save({"epoch": self._epoch + 1, "batch": batch + 1}, logs or {})

    def _save(self, position: dict[str, int], logs: Logs) -> None:
        try:
            path = self.filepath.format(**position, **logs)
        except KeyError as error:  # of an epoch without validation
            self._warn_skipped(f"filepath: {error} is not in the logs")
            return
        if self.save_best_only and not self._is_best(position["epoch"], logs):
            return
        if not self._guard.may_store(self.model, path):
            return
        if self.verbose:
            print(f"Epoch {position['epoch']}: saving model to {path}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _is_best(self, epoch: int, logs: Logs) -> bool:
        value = logs.get(self.monitor)
        if value is None:
            self._warn_skipped(f"monitor: {self.monitor!r} is not in the logs ({', '.join(logs)})")
            return False
        if not self.improves(value, self.best):
            if self.verbose:
                print(f"Epoch {epoch}: {self.monitor} did not improve from {self.best}")
            return False
        self.best = value
        return True

    def _warn_skipped(self, reason: str) -> None:
        if not self._has_skipped:
            warn_user(f"ModelCheckpoint: {reason} of every epoch; nothing is saved for those")
        self._has_skipped = True


def check_save_freq(value: object) -> int:
    """`value` as a number of batches, at least 1.

    Raises
    ------
    ValueError
        If it is something else (and not "epoch", which the caller knows).
    """
    try:
        return check_integer("save_freq", value, 1)
    except (TypeError, ValueError):
        raise ValueError(f"save_freq: expected 'epoch' or an int >= 1, got {value!r}") from None
