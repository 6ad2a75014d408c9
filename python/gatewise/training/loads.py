"""Rows per expert, and per latent of a code, over an epoch of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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
    """Counts the rows of an epoch for each expert, or each latent, of a model's layers.

    Parameters
    ----------
    layers : list of Layer
        Those of a model.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = [each for each in layers if each.counts_rows]
        self._earlier = [_no_rows(each) for each in self._layers]
        self._collapsed_epochs = [0] * len(self._layers)

    def begin_epoch(self) -> None:
        """Counts from zero."""
        for index, layer in enumerate(self._layers):
            layer.native.reset_training_load()
            self._earlier[index] = _no_rows(layer)

    def end_epoch(self) -> None:
        """Gives each layer its counts."""
        for layer, rows in zip(self._layers, self.get_state(), strict=True):
            layer.set_training_load(rows)

    def warn(self, last: bool) -> None:
        """Warns, once for each layer, where routing stays collapsed, or is in the last epoch."""
        for index, layer in enumerate(self._layers):
            if not isinstance(layer, SparseExpertLayer):
                continue
            message = describe_collapse(layer.name, layer.load_) if layer.router.chooses else None
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

    def completed(self, counted: list[Rows]) -> list[Rows]:
        """Stored counts, with zeros for codes where an earlier version stored those of experts.

        Raises
        ------
        ValueError
            If they are not the rows of each expert or latent of each layer.
        """
        are_experts = [isinstance(each, SparseExpertLayer) for each in self._layers]
        if len(counted) == sum(are_experts):
            stored = iter(counted)
            counted = [
                next(stored) if is_expert else _no_rows(layer)
                for layer, is_expert in zip(self._layers, are_experts, strict=True)
            ]
        found = [rows.shape for rows in counted]
        expected = [rows.shape for rows in self._earlier]
        if found != expected or any(rows.dtype.kind != "i" for rows in counted):
            raise ValueError(f"load: expected counts of shapes {expected}, got {found}")
        return counted

    def set_state(self, counted: list[Rows]) -> None:
        """Goes on counting from what `get_state` gave."""
        self.begin_epoch()
        self._earlier = [rows.copy() for rows in counted]


def _no_rows(layer: Layer) -> Rows:
    return np.zeros_like(layer.native.training_load())
