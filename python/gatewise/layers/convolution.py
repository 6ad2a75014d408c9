"""Convolutions over the positions of a sample."""

from __future__ import annotations

import math
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


class Convolving(ChannelsLayer):
    """Base class of layers that multiply a kernel with windows over positions."""

    has_fixed_shape = True
    weight_names = {"kernel": "kernel", "bias": "bias"}  # noqa: RUF012, read only
    axes: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def take_windows(
        self, kernel_size: Any, strides: Any, padding: str, dilation_rate: Any
    ) -> None:
        """Sets what the windows are from the arguments."""
        self.kernel_size = check_sizes("kernel_size", kernel_size, self.axes)
        self.strides = check_sizes("strides", strides, self.axes)
        self.padding = check_words("padding", padding, self.paddings)
        self.dilation_rate = check_sizes("dilation_rate", dilation_rate, self.axes)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"strides, dilation_rate: expected one of them 1, got {self.strides} and "
                f"{self.dilation_rate}"
            )

    def take_weights(self, **given: Any) -> None:
        """Sets initializers, regularizers and constraints from arguments of these names."""
        penalties = {}
        for name, value in given.items():
            if name.endswith("_initializer"):
                setattr(self, name, initializers.get(value, name))
            else:
                penalties[name] = value
        self.take_penalties(**penalties)

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

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        made: Initializer = getattr(self, f"{self.weight_prefix(parameter)}_initializer")
        return made

    def fans(self, parameter: _core.Parameter) -> tuple[int | None, int | None]:
        if parameter.role == "bias":
            return super().fans(parameter)
        *taps, inputs, outputs = self.weight_shape(parameter)
        return math.prod(taps) * inputs, math.prod(taps) * outputs

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return int(self.inner_shape(self.input_shape)[-1] or 0)

    def weights_config(self) -> Config:
        """The arguments of `take_weights`, for `get_config`."""
        names = [f"{prefix}_initializer" for prefix in self.weight_names.values()]
        made = {name: initializers.serialize(getattr(self, name)) for name in names}
        return {**made, **self.penalty_config()}

    def windows_config(self) -> Config:
        """The arguments of `take_windows` and `data_format`, for `get_config`."""
        return {
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
        }


class _Convolution(Convolving):
    """Base class of convolutions."""

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
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        self.groups = check_integer("groups", groups, 1)
        if self.filters % self.groups:
            raise ValueError(
                f"groups: expected a divisor of the {self.filters} filters, got {self.groups}"
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

    def check_inputs(self, shapes: list[Shape]) -> None:
        super().check_inputs(shapes)
        channels = int(self.inner_shape(shapes[0])[-1] or 0)
        if channels % self.groups:
            raise ValueError(
                f"{self.name}: groups: expected a divisor of the {channels} channels, "
                f"got {self.groups}"
            )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        options = {
            **self.windows(shapes[0]).native_options(),
            "filters": self.filters,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }
        if self.groups == 1:
            return "convolution", options
        return "grouped_convolution", {**options, "groups": self.groups, "depthwise": False}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        windows = self.windows(self.inner_shape(input_shape))
        return self.outer_shape((None, *windows.output, self.filters))

    def weight_shape(self, parameter: _core.Parameter) -> Sizes:
        if parameter.role != "kernel":
            return super().weight_shape(parameter)
        return (*self.kernel_size, self.channels // self.groups, self.filters)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self.windows_config(),
            "groups": self.groups,
            "activation": self.activation,
            "use_bias": self.use_bias,
            **self.weights_config(),
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
    groups : int
        Into how many groups channels and filters are divided; the filters of a group read its
        channels alone.
    activation : str, optional
        Name of f; None for the identity.
    use_bias : bool
        If True, there is a bias b `(filters,)`.
    kernel_initializer, bias_initializer : str or Initializer
        Initial values of K `(height, width, channels / groups, filters)` and b.
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
        Penalty on K, b, and y divided by the count of samples.
    kernel_constraint, bias_constraint : str or Constraint, optional
        Constraint on K and b after every update.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Raises
    ------
    ValueError
        A size is below 1, a name is unknown, `groups` divides the filters or channels not; or at
        the first call, the input has other axes, a size that is not known, or is smaller than a
        window.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    2 n positions K flops: patches of 48 windows at a time times the kernel. The sums of the
    kernel's gradient are added for as many samples at a time as have 2 million values of patches.
    With several groups it is a loop over taps, several times slower per flop.

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
