"""The record of a training."""

from __future__ import annotations

from typing import Any

import numpy as np

from gatewise.callbacks.base import Callback, Logs, State
from gatewise.utils import html

_SHOWN = 10
"""Most epochs that a notebook shows: the first and the last ones."""


class History(Callback):
    """The losses and metrics of every epoch; `fit` adds one and returns it.

    Attributes
    ----------
    history : dict of str to list of float
        One value an epoch, an array for a metric with several; those of the validation begin with
        `val_`.
    epoch : list of int
        The epochs' numbers, from 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def get_state(self) -> State:
        """The record so far."""
        history = {name: [_plain(each) for each in own] for name, own in self.history.items()}
        return {"epoch": list(self.epoch), "history": history}

    def set_state(self, state: State) -> None:
        """Takes back what `get_state` gave."""
        self.epoch = [int(epoch) for epoch in state["epoch"]]
        self.history = {
            name: [np.array(each) if isinstance(each, list) else each for each in own]
            for name, own in state["history"].items()
        }

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Clears the epoch numbers; values of earlier calls are kept."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds an epoch."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.history = self

    def _repr_html_(self) -> str:
        names = list(self.history)
        count, half = max(map(len, self.history.values()), default=0), _SHOWN // 2
        lines = []
        for at in range(count):
            if count <= _SHOWN or at < half or at >= count - half:
                values = [self.history[name][at : at + 1] for name in names]
                lines.append([str(at + 1), *(_format(each[0]) if each else "" for each in values)])
        if count > _SHOWN:
            lines.insert(half, ["..."] * (len(names) + 1))
        return html.table(["epoch", *names], lines)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _format(value: Any) -> str:
    return " ".join(f"{each:.4g}" for each in np.ravel(value))
