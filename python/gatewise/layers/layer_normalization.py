"""Layer normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import initializers
from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.layers.moved_axis import AxisLayer
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


@LAYERS.register()
class LayerNormalization(AxisLayer):
    """`y = gamma (x - mean(x)) / sqrt(var(x) + epsilon) + beta`.

    Mean and variance are over one axis.

    Parameters
    ----------
    axis : int
        The axis, by default the last.
    epsilon : float
        Above 0; 0.001 by default, as in Keras.
    center, scale : bool
        If True, there is a beta (`center`) or a gamma (`scale`), each `(d,)`.
    beta_initializer, gamma_initializer : str or Initializer
        Initial values of beta and gamma.
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
        Penalty on beta and gamma.
    beta_constraint, gamma_constraint : str or Constraint, optional
        Constraint on beta and gamma after every update.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `axis` is none of a sample, `epsilon` is not above 0, or a name is unknown.
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
    weight_names = {"scale": "gamma", "bias": "beta"}  # noqa: RUF012, read only
    beta_regularizer: Regularizer | None
    gamma_regularizer: Regularizer | None
    beta_constraint: Constraint | None
    gamma_constraint: Constraint | None
    keras_defaults = {"rms_scaling": False}  # noqa: RUF012, read only

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer | Config = "zeros",
        gamma_initializer: str | Initializer | Config = "ones",
        beta_regularizer: str | Regularizer | Config | None = None,
        gamma_regularizer: str | Regularizer | Config | None = None,
        beta_constraint: str | Constraint | Config | None = None,
        gamma_constraint: str | Constraint | Config | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.take_axis(axis)
        self.epsilon = check_number("epsilon", epsilon, 0)
        self.center = check_flag("center", center)
        self.scale = check_flag("scale", scale)
        self.beta_initializer = initializers.get(beta_initializer, "beta_initializer")
        self.gamma_initializer = initializers.get(gamma_initializer, "gamma_initializer")
        self.take_penalties(
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def native_options(self) -> NativeOptions:
        return {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.gamma_initializer if parameter.name == "gamma" else self.beta_initializer

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            **self.penalty_config(),
        }
