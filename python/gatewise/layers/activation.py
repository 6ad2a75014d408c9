"""An activation function as a separate layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import activations
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.registry import Config, NativeOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


@LAYERS.register()
class Activation(Layer):
    """`y = f(x)`, elementwise; softmax acts on the last axis.

    Parameters
    ----------
    activation : str
        Name of f; see `gw.activations`.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        The activation is unknown.
    TypeError
        `activation` is not a string, or an option is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Activation("relu")(np.array([[-1.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """

    has_weights = False
    kind = "activation"

    def __init__(self, activation: str | None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def native_options(self) -> NativeOptions:
        return {"activation": self.activation}

    def get_config(self) -> Config:
        return {**super().get_config(), "activation": self.activation}
