"""Rows per expert over an epoch of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatewise.layers.expert_load import ExpertLoad
from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.training.collapse import warn_collapse

if TYPE_CHECKING:
    from gatewise.training.trainable import Trainable

Rows = npt.NDArray[np.int64]


class EpochLoads:
    """Counts, for each expert layer of a model, the rows of an epoch.

    Parameters
    ----------
    model : Trainable
        The model.
    """

    def __init__(self, model: Trainable) -> None:
        self._layers = [each for each in model.layers if isinstance(each, SparseExpertLayer)]
        self._earlier = [np.zeros(each.num_experts, np.int64) for each in self._layers]
        self._warned: set[str] = set()

    def begin_epoch(self) -> None:
        """Counts from zero."""
        for index, layer in enumerate(self._layers):
            layer.native.reset_training_load()
            self._earlier[index] = np.zeros(layer.num_experts, np.int64)

    def end_epoch(self) -> None:
        """Gives each layer its `load_`."""
        for layer, rows in zip(self._layers, self.get_state(), strict=True):
            layer.load_ = ExpertLoad.from_rows(rows)

    def warn(self) -> None:
        """Warns, once for each layer, of those whose routing has collapsed."""
        for layer in self._layers:
            load = layer.load_
            if load is None or layer.name in self._warned or not layer.router.chooses:
                continue
            if warn_collapse(layer.name, load):
                self._warned.add(layer.name)

    def get_state(self) -> list[Rows]:
        """The rows of the epoch so far, for each layer."""
        pairs = zip(self._layers, self._earlier, strict=True)
        return [earlier + layer.native.training_load() for layer, earlier in pairs]

    def set_state(self, counted: list[Rows]) -> None:
        """Goes on counting from what `get_state` gave."""
        self.begin_epoch()
        self._earlier = [rows.copy() for rows in counted]
