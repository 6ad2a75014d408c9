"""Continues a training that was stopped, bit for bit."""

from __future__ import annotations

import os
from pathlib import Path

from gatewise.callbacks.base import Callback, Logs
from gatewise.callbacks.divergence import StoreGuard
from gatewise.callbacks.model_checkpoint import check_save_freq
from gatewise.utils.checks import check_defaults, check_flag
from gatewise.utils.disk import remove_leftovers

_FILE_NAME = "training.checkpoint"


class BackupAndRestore(Callback):
    """Stores all that a training is made of, so that `fit` with the same arguments continues it.

    If `backup_dir` holds the state of a training that did not come to its end (the process was
    killed, the power failed, an exception or Ctrl-C ended it), `fit` takes it up where it was
    stored and ends with the same bits as a training that was never stopped. The state is: weights,
    optimizer, seeds, the place in the epoch and in the shuffled data, running means, history, and
    what the callbacks gave by `get_state`. Of an iterator the batches already used are drawn and
    dropped. Weights that are not finite are not stored: the state before them stays.

    Parameters
    ----------
    backup_dir : str or path
        A folder of its own for each training; it is made.
    save_freq : "epoch" or int, default "epoch"
        Every epoch, or every so many batches.
    double_checkpoint : False
        Only False: a file is replaced whole, so that there is no broken one to guard against.
    delete_checkpoint : bool, default True
        Whether the file is removed when training has come to its end.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; in `fit`, if the stored state is of another model, of other
        data or of other arguments, or the file is damaged.

    Examples
    --------
    >>> import gatewise as gw
    >>> backup = gw.callbacks.BackupAndRestore("backup", save_freq=100)
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        given: dict[str, object] = {"double_checkpoint": double_checkpoint}
        check_defaults("BackupAndRestore", given, {"double_checkpoint": False})
        if not os.fspath(backup_dir):
            raise ValueError("backup_dir: expected a folder, got an empty path")
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq if save_freq == "epoch" else check_save_freq(save_freq)
        self.delete_checkpoint = check_flag("delete_checkpoint", delete_checkpoint)
        self._batches = 0
        self._guard = StoreGuard()

    @property
    def path(self) -> Path:
        """The file."""
        return self.backup_dir / _FILE_NAME

    def restore_run(self) -> bool:
        """Continues from the file, if there is one."""
        self._batches = 0
        if self.run is not None and self.path.is_file():
            self.run.restore(self.path)
            return True
        return False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Makes the folder, so that a place that cannot be written is known before any work."""
        self._guard.begin()
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stores if it is due."""
        if self.save_freq == "epoch" or self.run is None:
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._store()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Stores if it is due."""
        if self.save_freq == "epoch":
            self._store()

    def _store(self) -> None:
        if self.run is not None and self._guard.may_store(self.model, self.path):
            self.run.store(self.path)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Removes the file, and the folder if nothing else is in it."""
        if not self.delete_checkpoint:
            return
        self.path.unlink(missing_ok=True)
        if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
            self.backup_dir.rmdir()
