"""What training asks of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gatewise.callbacks.protocols import TrainedModel

if TYPE_CHECKING:
    from gatewise.layers.symbol import Symbol


class FitModel(TrainedModel, Protocol):
    """A model as `fit`, `evaluate` and `predict` see it."""

    @property
    def built(self) -> bool: ...
    @property
    def inputs(self) -> list[Symbol]: ...
    @property
    def outputs(self) -> list[Symbol]: ...
    @property
    def input_names(self) -> list[str]: ...
    @property
    def output_names(self) -> list[str]: ...
