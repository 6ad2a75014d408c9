"""Fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer, NamedOptions
from gatewise.layers.output_activation import OutputActivation
from gatewise.layers.storage import StoredKernels
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


class AffineLayer(StoredKernels, OutputActivation, Layer):
    """The settings of `Dense` and `MemberDense`."""

    follows_policy = True
    weight_names = {"kernel": "kernel", "bias": "bias"}  # noqa: RUF012, read only
    bias_regularizer: Regularizer | None = None
    bias_constraint: Constraint | None = None
    keras_defaults = {  # noqa: RUF012, read only
        "lora_rank": None,
        "lora_alpha": None,
        "quantization_config": None,
    }

    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | Config = "glorot_uniform",
        bias_initializer: str | Initializer | Config = "zeros",
        kernel_regularizer: str | Regularizer | Config | None = None,
        bias_regularizer: str | Regularizer | Config | None = None,
        activity_regularizer: str | Regularizer | Config | None = None,
        kernel_constraint: str | Constraint | Config | None = None,
        bias_constraint: str | Constraint | Config | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.units = check_integer("units", units, 1)
        self._take_activation(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer, "kernel_initializer")
        self.bias_initializer = initializers.get(bias_initializer, "bias_initializer")
        self.take_penalties(
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def native_options(self) -> NativeOptions:
        return self.with_storage(
            {
                "units": self.units,
                "activation": self.activation,
                "use_bias": self.use_bias,
                **self.products(),
            }
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*input_shape[:-1], self.units)

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.kernel_initializer if parameter.role == "kernel" else self.bias_initializer

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation_setting,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            **self.penalty_config(),
        }
        return self.with_storage(config)


@LAYERS.register()
class Dense(AffineLayer):
    """`y = f(x W + b)` on the last axis.

    Parameters
    ----------
    units : int
        Width u of the output.
    activation : str, optional
        Name of f; None for the identity. "auto": the identity, until a model with this output is
        compiled with a cross-entropy, which sets softmax or sigmoid.
    use_bias : bool
        If True, there is a bias b.
    kernel_initializer, bias_initializer : str or Initializer
        Initial values of W `(d, u)` and b `(u,)`.
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
        Penalty on W, b, and y divided by the count of samples.
    kernel_constraint, bias_constraint : str or Constraint, optional
        Constraint on W and b after every update: a name or an object of `gw.constraints`.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`, `dtype`: see `Layer`.

    Raises
    ------
    ValueError
        `units` is below 1, or a name is unknown.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input shape `(n, ..., d)`, output shape `(n, ..., u)`. Takes SciPy CSR as a model's first layer,
    at a cost proportional to its nonzeros. Forward: 2 n d u flops.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.layers.Dense(2, kernel_initializer="ones")
    >>> layer(np.array([[1.0, 2.0, 3.0]])).tolist()
    [[6.0, 6.0]]
    """

    kind = "dense"
