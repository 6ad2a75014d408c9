"""Rows per expert over an epoch of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatewise.layers.expert_load import ExpertLoad
from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.training.collapse import RoutingCollapseWarning, describe_collapse
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.layers import Layer

# A router may leave experts out for an epoch or two while it learns, and take them in again.
_PATIENCE = 3
_WARNED = -1

Rows = npt.NDArray[np.int64]


class EpochLoads:
    """Counts, for each expert layer of a model, the rows of an epoch.

    Parameters
    ----------
    layers : list of Layer
        Those of a model.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = [each for each in layers if isinstance(each, SparseExpertLayer)]
        self._earlier = [np.zeros(each.num_experts, np.int64) for each in self._layers]
        self._collapsed_epochs = [0] * len(self._layers)

    def begin_epoch(self) -> None:
        """Counts from zero."""
        for index, layer in enumerate(self._layers):
            layer.native.reset_training_load()
            self._earlier[index] = np.zeros(layer.num_experts, np.int64)

    def end_epoch(self) -> None:
        """Gives each layer its `load_`."""
        for layer, rows in zip(self._layers, self.get_state(), strict=True):
            layer.load_ = ExpertLoad.from_rows(rows)

    def warn(self, last: bool) -> None:
        """Warns, once for each layer, where routing stays collapsed, or is in the last epoch."""
        for index, layer in enumerate(self._layers):
            load = layer.load_
            message = None
            if load is not None and layer.router.chooses:
                message = describe_collapse(layer.name, load)
            before = self._collapsed_epochs[index]
            if before == _WARNED:
                continue
            self._collapsed_epochs[index] = before + 1 if message else 0
            if message and (last or before + 1 == _PATIENCE):
                warn_user(message, RoutingCollapseWarning)
                self._collapsed_epochs[index] = _WARNED

    def get_state(self) -> list[Rows]:
        """The rows of the epoch so far, for each layer."""
        pairs = zip(self._layers, self._earlier, strict=True)
        return [earlier + layer.native.training_load() for layer, earlier in pairs]

    def check_state(self, counted: list[Rows]) -> None:
        """Raises ValueError if these are not the rows of each expert of each layer."""
        found = [rows.shape for rows in counted]
        expected = [rows.shape for rows in self._earlier]
        if found != expected or any(rows.dtype.kind != "i" for rows in counted):
            raise ValueError(f"load: expected counts of shapes {expected}, got {found}")

    def set_state(self, counted: list[Rows]) -> None:
        """Goes on counting from what `get_state` gave."""
        self.begin_epoch()
        self._earlier = [rows.copy() for rows in counted]
