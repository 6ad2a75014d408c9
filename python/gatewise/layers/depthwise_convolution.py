"""Convolutions of each channel by itself, and those followed by a product over channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import activations
from gatewise.layers.base import LAYERS, NamedOptions
from gatewise.layers.convolution import Convolving
from gatewise.layers.symbol import Shape
from gatewise.layers.windows import Sizes
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


class _Depthwise(Convolving):
    """Base class of depthwise convolutions."""

    weight_names = {"kernel": "depthwise", "bias": "bias"}  # noqa: RUF012, read only
    depthwise_initializer: Initializer
    bias_initializer: Initializer

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: str | None = None,
        use_bias: bool = True,
        depthwise_initializer: str | Initializer | Config = "glorot_uniform",
        bias_initializer: str | Initializer | Config = "zeros",
        depthwise_regularizer: str | Regularizer | Config | None = None,
        bias_regularizer: str | Regularizer | Config | None = None,
        activity_regularizer: str | Regularizer | Config | None = None,
        depthwise_constraint: str | Constraint | Config | None = None,
        bias_constraint: str | Constraint | Config | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.take_windows(kernel_size, strides, padding, dilation_rate)
        self.depth_multiplier = check_integer("depth_multiplier", depth_multiplier, 1)
        self.take_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.take_weights(
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        channels = int(shapes[0][-1] or 0)
        return "grouped_convolution", {
            **self.windows(shapes[0]).native_options(),
            "filters": channels * self.depth_multiplier,
            "groups": channels,
            "depthwise": True,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        inner = self.inner_shape(input_shape)
        filters = int(inner[-1] or 0) * self.depth_multiplier
        return self.outer_shape((None, *self.windows(inner).output, filters))

    def weight_shape(self, parameter: _core.Parameter) -> Sizes:
        if parameter.role != "kernel":
            return super().weight_shape(parameter)
        return (*self.kernel_size, self.channels, self.depth_multiplier)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            **self.windows_config(),
            "depth_multiplier": self.depth_multiplier,
            "activation": self.activation,
            "use_bias": self.use_bias,
            **self.weights_config(),
        }


@LAYERS.register()
class DepthwiseConv2D(_Depthwise):
    """`y = f(conv(x, K) + b)`, where each channel of x has its own kernels.

    Channel `c depth_multiplier + j` of y reads channel c of x alone, by `K[..., c, j]`.

    Parameters
    ----------
    kernel_size : int or tuple of two int
        Height and width of a window.
    strides, dilation_rate : int or tuple of two int
        From window to window, and from tap to tap inside one; one of them is 1.
    padding : {"valid", "same"}
        As that of `Conv2D`.
    depth_multiplier : int
        Output channels for each input channel.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": input and output are `(n, channels, height, width)`, and the convolution
        is that of a copy with channels last.
    activation : str, optional
        Name of f; None for the identity.
    use_bias : bool
        If True, there is a bias b `(channels * depth_multiplier,)`.
    depthwise_initializer, bias_initializer : str or Initializer
        Initial values of K `(height, width, channels, depth_multiplier)` and b.
    depthwise_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
        Penalty on K, b, and y divided by the count of samples.
    depthwise_constraint, bias_constraint : str or Constraint, optional
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
    2 n positions K flops in a loop over taps. Sums have a fixed order: the same bits for any thread
    count.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.DepthwiseConv2D(3, depth_multiplier=2)(np.ones((2, 8, 8, 3))).shape
    (2, 6, 6, 6)
    """

    axes = 2


@LAYERS.register()
class DepthwiseConv1D(_Depthwise):
    """`y = f(conv(x, K) + b)` along t of `(n, t, d)`, where each column has its own kernels.

    Arguments as `DepthwiseConv2D` with single sizes; K is `(size, d, depth_multiplier)`.
    """

    axes = 1


class _Separable(Convolving):
    """Base class of separable convolutions."""

    weight_names = {  # noqa: RUF012, read only
        "depthwise_kernel": "depthwise",
        "pointwise_kernel": "pointwise",
        "bias": "bias",
    }
    depthwise_initializer: Initializer
    pointwise_initializer: Initializer
    bias_initializer: Initializer

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        depthwise_initializer: str | Initializer | Config = "glorot_uniform",
        pointwise_initializer: str | Initializer | Config = "glorot_uniform",
        bias_initializer: str | Initializer | Config = "zeros",
        depthwise_regularizer: str | Regularizer | Config | None = None,
        pointwise_regularizer: str | Regularizer | Config | None = None,
        bias_regularizer: str | Regularizer | Config | None = None,
        activity_regularizer: str | Regularizer | Config | None = None,
        depthwise_constraint: str | Constraint | Config | None = None,
        pointwise_constraint: str | Constraint | Config | None = None,
        bias_constraint: str | Constraint | Config | None = None,
        **options: Unpack[NamedOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.filters = check_integer("filters", filters, 1)
        self.take_windows(kernel_size, strides, padding, dilation_rate)
        self.take_data_format(data_format)
        self.depth_multiplier = check_integer("depth_multiplier", depth_multiplier, 1)
        self.activation = activations.get(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.take_weights(
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        return "separable_convolution", {
            **self.windows(shapes[0]).native_options(),
            "filters": self.filters,
            "multiplier": self.depth_multiplier,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        windows = self.windows(self.inner_shape(input_shape))
        return self.outer_shape((None, *windows.output, self.filters))

    def weight_prefix(self, parameter: _core.Parameter) -> str | None:
        return self.weight_names.get(parameter.name)

    def weight_shape(self, parameter: _core.Parameter) -> Sizes:
        if parameter.name == "depthwise_kernel":
            return (*self.kernel_size, self.channels, self.depth_multiplier)
        if parameter.name == "pointwise_kernel":
            return (*(1,) * self.axes, self.channels * self.depth_multiplier, self.filters)
        return super().weight_shape(parameter)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self.windows_config(),
            "depth_multiplier": self.depth_multiplier,
            "activation": self.activation,
            "use_bias": self.use_bias,
            **self.weights_config(),
        }


@LAYERS.register()
class SeparableConv2D(_Separable):
    """`y = f(conv(x, K) P + b)`: a depthwise convolution, and a product over its channels.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or tuple of two int
        Height and width of a window.
    strides, dilation_rate : int or tuple of two int
        From window to window, and from tap to tap inside one; one of them is 1.
    padding : {"valid", "same"}
        As that of `Conv2D`.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": input and output are `(n, channels, height, width)`, and the convolution
        is that of a copy with channels last.
    depth_multiplier : int
        Channels of the depthwise convolution for each input channel.
    activation : str, optional
        Name of f; None for the identity.
    use_bias : bool
        If True, there is a bias b `(filters,)`.
    depthwise_initializer, pointwise_initializer, bias_initializer : str or Initializer
        Initial values of K `(height, width, channels, depth_multiplier)`, P `(1, 1, channels *
        depth_multiplier, filters)` and b.
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str or Regularizer, optional
        Penalty on K, P and b.
    activity_regularizer : str or Regularizer, optional
        Penalty on y, divided by the count of samples.
    depthwise_constraint, pointwise_constraint, bias_constraint : str or Constraint, optional
        Constraint on K, P and b after every update.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Raises
    ------
    ValueError
        A size is below 1, a name is unknown; or at the first call, the input has other axes, a
        size that is not known, or is smaller than a window.
    TypeError
        An argument has the wrong type, or is not supported.

    References
    ----------
    Chollet 2017, "Xception: deep learning with depthwise separable convolutions", section 2.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.SeparableConv2D(4, 3)(np.ones((2, 8, 8, 3))).shape
    (2, 6, 6, 4)
    """

    axes = 2


@LAYERS.register()
class SeparableConv1D(_Separable):
    """`y = f(conv(x, K) P + b)` along t of `(n, t, d)`.

    Arguments as `SeparableConv2D` with single sizes; K is `(size, d, depth_multiplier)` and P
    `(1, d * depth_multiplier, filters)`.
    """

    axes = 1


# Second names that Keras has.
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
