"""Writes the results of each epoch to a file of comma-separated values."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gatewise.callbacks.base import Callback, Logs, State
from gatewise.utils.checks import check_flag


class CSVLogger(Callback):
    """Writes a line for each epoch: its number from 0, and its logs in order of their names.

    The first epoch's logs decide the columns. If they have no value of a validation, a `val_`
    column follows for each; a value that an epoch does not have is written as `NA`.

    Parameters
    ----------
    filename : str or path
        The file; its folder must be there.
    separator : str, default ","
        One character.
    append : bool, default False
        Whether lines are added to a file that is there, without another header; else it is
        replaced.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range.
    OSError
        When training begins, if the file cannot be written.

    Notes
    -----
    The file is closed after each line. Continued by `BackupAndRestore`, it ends with the lines of a
    training that was never stopped: those after the stored state are dropped.

    Examples
    --------
    >>> import gatewise as gw
    >>> logger = gw.callbacks.CSVLogger("training.csv", append=True)
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"separator: expected one character, got {separator!r}")
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = check_flag("append", append)
        self.keys: list[str] | None = None
        self._replaces = False

    def get_state(self) -> State:
        """The columns, and the file's size in bytes."""
        path = Path(self.filename)
        size = path.stat().st_size if path.is_file() and not self._replaces else 0
        return {"keys": self.keys, "size": size}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave, and drops the lines that were written after it."""
        self.keys = state["keys"]
        self._replaces = False
        if Path(self.filename).stat().st_size > state["size"]:
            os.truncate(self.filename, state["size"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Refuses a file that could not be written later."""
        with open(self.filename, "a", encoding="utf-8"):
            pass
        # Emptied at the first line only: a continued training keeps its lines.
        self._replaces = not self.append
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes a line."""
        import csv

        logs = logs or {}
        is_first = self.keys is None
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        with open(self.filename, self._mode(), encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if is_first and file.tell() == 0:
                writer.writerow(["epoch", *self.keys])
            writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Empties a file that is to be replaced, if there was no epoch."""
        with open(self.filename, self._mode(), encoding="utf-8"):
            pass

    def _mode(self) -> str:
        replaces, self._replaces = self._replaces, False
        return "w" if replaces else "a"


def _cell(value: object) -> Any:
    """A value in a line; several values are one cell, as in Keras."""
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", True):
        return f'"[{", ".join(map(str, value))}]"'
    return value
