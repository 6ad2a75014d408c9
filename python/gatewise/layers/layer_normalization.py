"""Layer normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.initializers import Initializer


@LAYERS.register()
class LayerNormalization(Layer):
    """`y = gamma (x - mean(x)) / sqrt(var(x) + epsilon) + beta`.

    Mean and variance are over the last axis.

    Parameters
    ----------
    axis : int
        Must be -1, the last axis.
    epsilon : float
        Above 0; 0.001 by default, as in Keras.
    center, scale : bool
        If True, there is a beta (`center`) or a gamma (`scale`), each `(d,)`.
    beta_initializer, gamma_initializer : str or Initializer
        Initial values of beta and gamma.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `axis` is not -1, `epsilon` is not above 0, or a name is unknown.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`.

    References
    ----------
    Ba, Kiros, Hinton 2016, "Layer normalization", equation 4.
    """

    kind = "layer_normalization"
    keras_defaults = {  # noqa: RUF012, read only
        "rms_scaling": False,
        "beta_regularizer": None,
        "gamma_regularizer": None,
        "beta_constraint": None,
        "gamma_constraint": None,
    }

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer | Config = "zeros",
        gamma_initializer: str | Initializer | Config = "ones",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        if axis not in (-1, [-1], (-1,)):
            raise ValueError(f"axis: expected -1, the last axis, got {axis!r}")
        self.epsilon = check_number("epsilon", epsilon, 0)
        self.center = check_flag("center", center)
        self.scale = check_flag("scale", scale)
        self.beta_initializer = initializers.get(beta_initializer, "beta_initializer")
        self.gamma_initializer = initializers.get(gamma_initializer, "gamma_initializer")

    def native_options(self) -> NativeOptions:
        return {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.gamma_initializer if parameter.name == "gamma" else self.beta_initializer

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": -1,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
        }
