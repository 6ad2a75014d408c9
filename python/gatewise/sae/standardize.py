"""Layers that standardize rows: the base class, and the one of stacked autoencoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise._core import Floats
    from gatewise.initializers import Initializer


class StandardizedLayer(Layer):
    """A layer with a centre c `(d,)` and a scale s `(1,)`, which are set once and not trained."""

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.is_standardized = False

    def standardize(self, center: Floats, scale: float) -> None:
        """Sets c and s, once, before training: the learned parameters depend on them."""
        self.parameters()
        self.native.set("center", np.ascontiguousarray(center, np.float32))
        self.native.set("scale", np.array([scale], np.float32))
        self.is_standardized = True

    def reset_standardization(self) -> None:
        """Undoes `standardize`: c is 0, s is 1."""
        self.standardize(np.zeros(self.input_shape[-1], np.float32), 1.0)
        self.is_standardized = False

    def settle(self) -> None:
        self.is_standardized = True

    def get_state(self) -> Config:
        return {**super().get_state(), "is_standardized": self.is_standardized}

    def set_state(self, state: Config) -> None:
        super().set_state(state)
        self.is_standardized = bool(state["is_standardized"])


@LAYERS.register()
class Standardize(StandardizedLayer):
    """Standardizes rows: `u = s (x - c)`, or the inverse `x = u / s + c`.

    Parameters
    ----------
    inverse : bool
        If True, compute the inverse.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    TypeError
        An argument has the wrong type or is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. c `(d,)` and s `(1,)` are not trained. Between the layer
    and its inverse, gradients are those of the loss on the scale `s x`, as in `SparseDictionary`.
    """

    kind = "standardize"

    def __init__(self, inverse: bool = False, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.inverse = check_flag("inverse", inverse)

    def native_options(self) -> NativeOptions:
        return {"inverse": self.inverse}

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return initializers.Ones() if parameter.name == "scale" else initializers.Zeros()

    def get_config(self) -> Config:
        return {**super().get_config(), "inverse": self.inverse}
