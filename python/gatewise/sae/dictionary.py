"""The layer of a sparse autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.sae import activations
from gatewise.sae.activations import CodeActivation
from gatewise.utils.checks import check_flag, check_integer, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise._core import Floats
    from gatewise.initializers import Initializer


@LAYERS.register()
class SparseDictionary(Layer):
    """`y = (z W_d + b) / s + c` with the sparse code `z = f((s (x - c) - b) W_e + b_e)`.

    Parameters
    ----------
    latents : int
        Rows m of the dictionary.
    activation : str or CodeActivation
        f: which latents are active.
    threshold : float
        Entries of a code at or under it are exactly 0, in training too, and pass no slope.
    unit_norm : bool
        Whether the rows of W_d are kept at length 1: the part of a row's slope along the row is
        taken out, and the row is scaled after its update.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        An argument is out of range, or k is above `latents`.
    TypeError
        An argument is of another type, or not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. Parameters: encoder W_e `(d, m)`, its bias b_e `(m,)`,
    decoder W_d `(m, d)`, its bias b `(d,)`; the centre c `(d,)` and the scale s `(1,)` are not
    trained. W_d starts as random directions, W_e as its transpose. The slopes that training sees
    are those of the loss in units of `s x`, so a learning rate means the same whatever the unit
    of x. 2 n d m flops for the encoder; all else follows the active latents, and pre-activations
    are never stored.

    References
    ----------
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders", section 2; the slope along a row
    as in Bricken et al. 2023, "Towards monosemanticity", appendix.
    """

    kind = "sparse_dictionary"

    def __init__(
        self,
        latents: int,
        activation: str | CodeActivation | Config = "top_k",
        threshold: float = 0.0,
        unit_norm: bool = True,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.latents = check_integer("latents", latents, 1)
        self.activation = activations.get(activation)
        self.activation.check(self.latents)
        self.threshold = check_number("threshold", threshold, 0)
        self.unit_norm = check_flag("unit_norm", unit_norm)
        self.is_standardized = False

    def native_options(self) -> NativeOptions:
        return {
            "latents": self.latents,
            "threshold": self.threshold,
            "unit_norm": self.unit_norm,
            "subtract_bias": True,
            "tied": False,
            "lazy_updates": False,
            "prefixes": "",
            "dead.k": 0,
            "dead.weight": 0.0,
            "dead.rows": 0,
            **self.activation.native_options(),
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        if parameter.name == "decoder":
            return initializers.RandomNormal(stddev=1.0)
        return initializers.Ones() if parameter.name == "scale" else initializers.Zeros()

    def draw_weights(self, seed: int, index: int) -> None:
        if self.random_stream is not None:
            return
        super().draw_weights(seed, index)
        decoder = self.native.get("decoder")
        decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
        self.native.set("decoder", decoder)
        self.native.set("encoder", np.ascontiguousarray(decoder.T))

    def standardize(self, center: Floats, scale: float) -> None:
        """Sets c and s, which what is learnt refers to: once, before training."""
        self.parameters()
        self.native.set("center", np.ascontiguousarray(center, np.float32))
        self.native.set("scale", np.array([scale], np.float32))
        self.is_standardized = True

    def forget_units(self) -> None:
        """Takes `standardize` back."""
        self.standardize(np.zeros(self.input_shape[-1], np.float32), 1.0)
        self.is_standardized = False

    def get_state(self) -> Config:
        return {**super().get_state(), "is_standardized": self.is_standardized}

    def set_state(self, state: Config) -> None:
        super().set_state(state)
        self.is_standardized = bool(state["is_standardized"])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "latents": self.latents,
            "activation": activations.CODE_ACTIVATIONS.serialize(self.activation),
            "threshold": self.threshold,
            "unit_norm": self.unit_norm,
        }
