"""Pooling: the max or the mean over the positions of a sample, or over windows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.layers.channels import ChannelsLayer
from gatewise.layers.symbol import Shape
from gatewise.layers.windows import Windows, check_sizes, check_words
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _GlobalPooling(ChannelsLayer):
    """Base class: one row for each sample."""

    has_weights = False
    kind = "global_pooling"
    pooling: ClassVar[str]
    axes: ClassVar[int]

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.take_data_format(data_format)
        self.keepdims = check_flag("keepdims", keepdims)

    def native_options(self) -> NativeOptions:
        return {"pooling": self.pooling}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if len(input_shape) != self.axes + 2:
            raise ValueError(
                f"{self.name}: expected an input of {self.axes + 2} axes, got {input_shape}"
            )
        width = input_shape[self.acting_axis(len(input_shape))]
        if not self.keepdims:
            return (None, width)
        return self.outer_shape((None, *(1,) * self.axes, width))

    def get_config(self) -> Config:
        given = {"data_format": self.data_format, "keepdims": self.keepdims}
        return {**super().get_config(), **given}


@LAYERS.register()
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over t of `(n, t, d)`: shape `(n, d)`.

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": the input is `(n, d, t)`.
    keepdims : bool
        If True, the output is `(n, 1, d)`.
    **options
        `name`, `trainable`, `seed`: see `Layer`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.GlobalAveragePooling1D()(np.array([[[1.0], [3.0]]])).tolist()
    [[2.0]]
    """

    pooling, axes = "average", 1


@LAYERS.register()
class GlobalMaxPooling1D(_GlobalPooling):
    """The max over t of `(n, t, d)`: shape `(n, d)`; see `GlobalAveragePooling1D`.

    The gradient of a max is divided equally among the values that attain it.
    """

    pooling, axes = "max", 1


@LAYERS.register()
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean over the positions of `(n, height, width, channels)`: shape `(n, channels)`.

    Arguments as `GlobalAveragePooling1D`.
    """

    pooling, axes = "average", 2


@LAYERS.register()
class GlobalMaxPooling2D(_GlobalPooling):
    """The max over the positions of `(n, height, width, channels)`; see `GlobalMaxPooling1D`."""

    pooling, axes = "max", 2


class _WindowPooling(ChannelsLayer):
    """Base class of pooling over windows."""

    has_weights = False
    has_fixed_shape = True
    pooling: ClassVar[str]
    axes: ClassVar[int]

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.pool_size = check_sizes("pool_size", pool_size, self.axes)
        self.strides = (
            self.pool_size if strides is None else check_sizes("strides", strides, self.axes)
        )
        self.padding = check_words("padding", padding, ("valid", "same"))
        self.take_data_format(data_format)

    def windows(self, shape: Shape) -> Windows:
        """The windows over an input of this shape."""
        return Windows.over(
            self.name, shape, self.pool_size, self.strides, (1,) * self.axes, str(self.padding)
        )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        options = self.windows(shapes[0]).native_options()
        return "window_pooling", {**options, "pooling": self.pooling}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        inner = self.inner_shape(input_shape)
        return self.outer_shape((None, *self.windows(inner).output, inner[-1]))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _AveragePooling(_WindowPooling):
    """Base class of the two that have no default size."""

    pooling = "average"

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **options)


@LAYERS.register()
class MaxPooling2D(_WindowPooling):
    """The max of each channel over windows of `(n, height, width, channels)`.

    Parameters
    ----------
    pool_size : int or tuple of two int
        Height and width of a window.
    strides : int or tuple, optional
        From window to window; `pool_size` if omitted.
    padding : {"valid", "same"}
        Whether windows lie inside, or the output has `ceil(size / stride)` positions.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": the input is `(n, channels, height, width)`, of which the windows are
        those of a copy with channels last.
    **options
        `name`, `trainable`, `seed`: see `Layer`.

    Raises
    ------
    ValueError
        A size is below 1; or at the first call, the input has other axes, a size that is not
        known, or is smaller than a window.

    Notes
    -----
    The gradient of a max goes to the first position that attains it. Positions beyond the border
    do not count.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1)).ravel().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """

    pooling, axes = "max", 2


@LAYERS.register()
class AveragePooling2D(_AveragePooling):
    """The mean of each channel over windows of `(n, height, width, channels)`.

    Arguments as `MaxPooling2D`; `pool_size` has no default.
    """

    axes = 2


@LAYERS.register()
class MaxPooling1D(_WindowPooling):
    """The max of each column over windows along t of `(n, t, d)`; arguments as `MaxPooling2D`."""

    pooling, axes = "max", 1


@LAYERS.register()
class AveragePooling1D(_AveragePooling):
    """The mean of each column over windows along t of `(n, t, d)`; see `AveragePooling2D`."""

    axes = 1


@LAYERS.register()
class GlobalAveragePooling3D(_GlobalPooling):
    """The mean over the positions of `(n, a, b, c, channels)`; see `GlobalAveragePooling1D`."""

    pooling, axes = "average", 3


@LAYERS.register()
class GlobalMaxPooling3D(_GlobalPooling):
    """The max over the positions of `(n, a, b, c, channels)`; see `GlobalMaxPooling1D`."""

    pooling, axes = "max", 3


@LAYERS.register()
class MaxPooling3D(_WindowPooling):
    """The max of each channel over windows of `(n, a, b, c, channels)`; see `MaxPooling2D`."""

    pooling, axes = "max", 3


@LAYERS.register()
class AveragePooling3D(_AveragePooling):
    """The mean of each channel over windows of `(n, a, b, c, channels)`; see `AveragePooling2D`."""

    axes = 3


# Second names that Keras has.
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
AvgPool3D = AveragePooling3D
MaxPool3D = MaxPooling3D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool3D = GlobalMaxPooling3D
