"""Transposed convolutions: maps of more positions than the input's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import activations
from gatewise.layers.base import LAYERS, NamedOptions
from gatewise.layers.convolution import Convolving
from gatewise.layers.symbol import Shape
from gatewise.layers.windows import Sizes, Windows, check_sizes
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


class _ConvolutionTranspose(Convolving):
    """Base class of transposed convolutions."""

    kernel_initializer: Initializer
    bias_initializer: Initializer
    bias_regularizer: Regularizer | None = None
    bias_constraint: Constraint | None = None

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
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
        self.take_windows(kernel_size, strides, padding, dilation_rate)
        self.take_data_format(data_format)
        self.output_padding: Sizes | None = None
        if output_padding is not None:
            self.output_padding = check_sizes("output_padding", output_padding, self.axes, 0)
            if any(a >= b for a, b in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"output_padding: expected less than strides {self.strides} along each axis, "
                    f"got {self.output_padding}"
                )
        self.activation = activations.get(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.take_weights(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def windows(self, shape: Shape) -> Windows:
        return Windows.transposed(
            self.name,
            shape,
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            str(self.padding),
            self.output_padding,
        )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        return "convolution_transpose", {
            **self.windows(shapes[0]).native_options(),
            "filters": self.filters,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        windows = self.windows(self.inner_shape(input_shape))
        return self.outer_shape((None, *windows.sizes, self.filters))

    def weight_shape(self, parameter: _core.Parameter) -> Sizes:
        if parameter.role != "kernel":
            return super().weight_shape(parameter)
        return (*self.kernel_size, self.filters, self.channels)

    def get_config(self) -> Config:
        padding = self.output_padding
        return {
            **super().get_config(),
            "filters": self.filters,
            **self.windows_config(),
            "output_padding": None if padding is None else list(padding),
            "activation": self.activation,
            "use_bias": self.use_bias,
            **self.weights_config(),
        }


@LAYERS.register()
class Conv2DTranspose(_ConvolutionTranspose):
    """`y = f(conv^T(x, K) + b)`: each position of x adds a window of values to y.

    It is the gradient that `Conv2D` with these settings gives to its input: it maps the shape of
    the convolution's output to that of its input.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size : int or tuple of two int
        Height and width of a window.
    strides, dilation_rate : int or tuple of two int
        From window to window in the output, and from tap to tap inside one; one of them is 1.
    padding : {"valid", "same"}
        Whether the output has all positions of the windows, or `size * stride` of them.
    output_padding : int or tuple of two int, optional
        With n input positions and windows of extent e, the output has `(n - 1) stride + e +
        output_padding` positions if `padding` is "valid", else `(n - 1) stride + e % 2 +
        output_padding`. It is less than the stride. If omitted, "valid" has `(n - 1) stride +
        max(e, stride)` positions.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": input and output are `(n, channels, height, width)`, and the convolution
        is that of a copy with channels last.
    activation : str, optional
        Name of f; None for the identity.
    use_bias : bool
        If True, there is a bias b `(filters,)`.
    kernel_initializer, bias_initializer : str or Initializer
        Initial values of K `(height, width, filters, channels)` and b.
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
        Penalty on K, b, and y divided by the count of samples.
    kernel_constraint, bias_constraint : str or Constraint, optional
        Constraint on K and b after every update.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Raises
    ------
    ValueError
        A size is below 1, `output_padding` is not less than `strides`, a name is unknown; or at the
        first call, the input has other axes, or a size that is not known.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    2 n positions K flops, of as many samples at a time as have 2 million values of windows. Sums
    have a fixed order: the same bits for any thread count and any batch.

    References
    ----------
    Zeiler et al. 2010, "Deconvolutional networks", section 3; Dumoulin, Visin 2016, "A guide to
    convolution arithmetic for deep learning", section 4.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.layers.Conv2DTranspose(4, 3, strides=2, padding="same")
    >>> layer(np.ones((2, 8, 8, 1))).shape
    (2, 16, 16, 4)
    """

    axes = 2


@LAYERS.register()
class Conv1DTranspose(_ConvolutionTranspose):
    """`y = f(conv^T(x, K) + b)` along t of `(n, t, d)`.

    Arguments as `Conv2DTranspose` with single sizes; K is `(size, filters, d)`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Conv1DTranspose(4, 3, strides=2)(np.ones((2, 10, 5))).shape
    (2, 21, 4)
    """

    axes = 1


@LAYERS.register()
class Conv3DTranspose(_ConvolutionTranspose):
    """`y = f(conv^T(x, K) + b)` over the positions of `(n, a, b, c, channels)`.

    Arguments as `Conv2DTranspose` with three sizes; K is `(..., filters, channels)`.
    """

    axes = 3


# Second names that Keras has.
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
