"""What layers have in common that know the units of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.layers.base import Layer, LayerOptions
from gatewise.registry import Config

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise._core import Floats


class StandardizedLayer(Layer):
    """A layer with a centre c `(d,)` and a scale s `(1,)`, which are set once and not trained."""

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.is_standardized = False

    def standardize(self, center: Floats, scale: float) -> None:
        """Sets c and s, which what is learnt refers to: once, before training."""
        self.parameters()
        self.native.set("center", np.ascontiguousarray(center, np.float32))
        self.native.set("scale", np.array([scale], np.float32))
        self.is_standardized = True

    def reset_standardization(self) -> None:
        """Takes `standardize` back."""
        self.standardize(np.zeros(self.input_shape[-1], np.float32), 1.0)
        self.is_standardized = False

    def get_state(self) -> Config:
        return {**super().get_state(), "is_standardized": self.is_standardized}

    def set_state(self, state: Config) -> None:
        super().set_state(state)
        self.is_standardized = bool(state["is_standardized"])
