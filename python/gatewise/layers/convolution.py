"""Convolutions over the positions of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gatewise import activations, initializers
from gatewise.layers.base import LAYERS, NamedOptions
from gatewise.layers.channels import ChannelsLayer
from gatewise.layers.symbol import Shape
from gatewise.layers.windows import Sizes, Windows, check_sizes, check_words
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


class _Convolution(ChannelsLayer):
    """Base class of convolutions."""

    has_fixed_shape = True
    weight_names = {"kernel": "kernel", "bias": "bias"}  # noqa: RUF012, read only
    bias_regularizer: Regularizer | None = None
    bias_constraint: Constraint | None = None
    axes: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    keras_defaults = {"groups": 1}  # noqa: RUF012, read only

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.filters = check_integer("filters", filters, 1)
        self.kernel_size = check_sizes("kernel_size", kernel_size, self.axes)
        self.strides = check_sizes("strides", strides, self.axes)
        self.padding = check_words("padding", padding, self.paddings)
        self.take_data_format(data_format)
        self.dilation_rate = check_sizes("dilation_rate", dilation_rate, self.axes)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"strides, dilation_rate: expected one of them 1, got {self.strides} and "
                f"{self.dilation_rate}"
            )
        self.activation = activations.get(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer, "kernel_initializer")
        self.bias_initializer = initializers.get(bias_initializer, "bias_initializer")
        self.take_penalties(
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def windows(self, shape: Shape) -> Windows:
        """The windows over an input of this shape."""
        return Windows.over(
            self.name,
            shape,
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            str(self.padding),
        )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        return "convolution", {
            **self.windows(shapes[0]).native_options(),
            "filters": self.filters,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        windows = self.windows(self.inner_shape(input_shape))
        return self.outer_shape((None, *windows.output, self.filters))

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.kernel_initializer if parameter.role == "kernel" else self.bias_initializer

    def weight_shape(self, parameter: _core.Parameter) -> Sizes:
        if parameter.role != "kernel":
            return super().weight_shape(parameter)
        return (*self.kernel_size, self.channels, self.filters)

    def fans(self, parameter: _core.Parameter) -> tuple[int | None, int | None]:
        if parameter.role != "kernel":
            return super().fans(parameter)
        patch = int(parameter.shape[0])
        return patch, patch // self.channels * self.filters

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return int(self.inner_shape(self.input_shape)[-1] or 0)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            **self.penalty_config(),
        }


@LAYERS.register()
class Conv2D(_Convolution):
    """`y = f(conv(x, K) + b)` over the positions of `(n, height, width, channels)`.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or tuple of two int
        Height and width of a window.
    strides, dilation_rate : int or tuple of two int
        From window to window, and from tap to tap inside one; one of them is 1.
    padding : {"valid", "same"}
        Whether windows lie inside, or the output has `ceil(size / stride)` positions, with zeros
        beyond the border.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": input and output are `(n, channels, height, width)`, and the convolution
        is that of a copy with channels last.
    activation : str, optional
        Name of f; None for the identity.
    use_bias : bool
        If True, there is a bias b `(filters,)`.
    kernel_initializer, bias_initializer : str or Initializer
        Initial values of K `(height, width, channels, filters)` and b.
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
        Penalty on K, b, and y divided by the count of samples.
    kernel_constraint, bias_constraint : str or Constraint, optional
        Constraint on K and b after every update.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Raises
    ------
    ValueError
        A size is below 1, a name is unknown; or at the first call, the input has other axes, a
        size that is not known, or is smaller than a window.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    2 n positions K flops: patches of 48 windows at a time times the kernel. The sums of the
    kernel's gradient are added for as many samples at a time as have 2 million values of patches.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.layers.Conv2D(4, 3, padding="same", activation="relu")
    >>> layer(np.ones((2, 8, 8, 1))).shape
    (2, 8, 8, 4)
    """

    axes = 2


@LAYERS.register()
class Conv1D(_Convolution):
    """`y = f(conv(x, K) + b)` along t of `(n, t, d)`.

    Arguments as `Conv2D` with single sizes; K is `(size, d, filters)`. `padding` may also be
    "causal": all zeros lie before the first row, so that a row depends on none after it.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Conv1D(4, 3)(np.ones((2, 10, 5))).shape
    (2, 8, 4)
    """

    axes = 1
    paddings = ("valid", "same", "causal")


@LAYERS.register()
class Conv3D(_Convolution):
    """`y = f(conv(x, K) + b)` over the positions of `(n, a, b, c, channels)`.

    Arguments as `Conv2D` with three sizes; K is `(..., channels, filters)`.
    """

    axes = 3


# Second names that Keras has.
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
