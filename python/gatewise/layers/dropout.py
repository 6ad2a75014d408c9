"""Random factors in training: dropout of values and of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.layers.shared_axes import SharesAxes
from gatewise.layers.windows import check_words
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_integer, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise.layers.symbol import Shape

NoiseShape = tuple[int | None, ...]


class _RandomFactors(SharesAxes):
    """Base class of layers with a `rate`, and perhaps factors that values share."""

    has_weights = False
    noise_shape: NoiseShape | None = None

    def __init__(self, rate: float, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.rate = check_number("rate", rate, 0, 1)
        if self.rate == 1:
            raise ValueError(
                f"rate: expected a number below 1, got {rate!r}, which drops every element"
            )

    def noise_shape_of(self, shape: Shape) -> NoiseShape | None:
        """The shape of the factors for an input of this shape; None if it is the input's."""
        return self.noise_shape

    def check_inputs(self, shapes: list[Shape]) -> None:
        super().check_inputs(shapes)
        noise = self.noise_shape_of(shapes[0])
        if noise is None:
            return
        # The count of samples of a batch is not known: any size but 1 is one factor for each.
        sizes = zip(noise[1:], shapes[0][1:], strict=False)
        if len(noise) != len(shapes[0]) or any(a not in (None, 1, b) for a, b in sizes):
            raise ValueError(
                f"{self.name}: noise_shape: expected 1, None or the input's size {shapes[0]} for "
                f"each axis, got {noise}"
            )

    def shared_of(self, shape: Shape) -> Sequence[bool]:
        noise = self.noise_shape_of(shape)
        if noise is None:  # each row has factors of its own
            return [True] * (len(shape) - 2) + [False]
        return [size == 1 for size in noise[1:]]

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        noise = self.noise_shape_of(shapes[0])
        options: NativeOptions = {"rate": self.rate, "by_row": noise is None}
        options["shares_samples"] = noise is not None and noise[0] == 1
        row: NativeOptions = {"sizes": str(shapes[0][-1]), "shared": "0"}
        return self.kind, options | (row if noise is None else self.shared_options(shapes[0]))

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate}


class _WithNoiseShape(_RandomFactors):
    """Base class of layers with the argument `noise_shape`."""

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, **options)
        self.noise_shape = None if noise_shape is None else _checked_shape(noise_shape)

    def get_config(self) -> Config:
        shape = self.noise_shape
        return {**super().get_config(), "noise_shape": None if shape is None else list(shape)}


@LAYERS.register()
class Dropout(_WithNoiseShape):
    """In training, sets random elements to 0: `y = x m / (1 - rate)`, `m` in {0, 1}.

    In prediction, `y = x`.

    Parameters
    ----------
    rate : float
        Probability that an element is set to 0, in [0, 1).
    noise_shape : tuple of int or None, optional
        The shape of m, with an axis of samples; m is the same along axes of size 1. None, and for
        samples any size above 1, is the input's size.
    **options
        `seed` and `name`, `trainable`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        The rate is outside [0, 1), or `noise_shape` does not fit; at the first call.
    TypeError
        The rate is not a number, or an option is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. The mask m depends only on seed, step and index, not on
    the thread count.

    References
    ----------
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting",
    section 4, with the scaling moved to training.
    """

    kind = "shared_dropout"

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        if self.noise_shape_of(shapes[0]) is None:
            return "dropout", {"rate": self.rate}
        return super().native_form(shapes)


class _SpatialDropout(_RandomFactors):
    """Base class of dropout of whole channels."""

    kind = "shared_dropout"
    axes: ClassVar[int]
    data_format = "channels_last"

    def noise_shape_of(self, shape: Shape) -> NoiseShape | None:
        if len(shape) != self.axes + 2:
            raise ValueError(f"{self.name}: expected an input of {self.axes + 2} axes, got {shape}")
        ones = (1,) * self.axes
        return (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)


@LAYERS.register()
class SpatialDropout1D(_SpatialDropout):
    """In training, sets random columns of a sample `(t, d)` to 0, each at all t.

    Parameters
    ----------
    rate : float
        Probability that a column is set to 0, in [0, 1); others are divided by `1 - rate`.
    **options
        `seed` and `name`, `trainable`, `input_shape`: see `Layer`.

    References
    ----------
    Tompson et al. 2015, "Efficient object localization using convolutional networks", section 3.2.
    """

    axes = 1


class _SpatialDropoutOfMaps(_SpatialDropout):
    """Base class of those with a `data_format`."""

    def __init__(
        self, rate: float, data_format: str | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(rate, **options)
        check_words("data_format", data_format, (None, "channels_last", "channels_first"))
        self.data_format = data_format or "channels_last"

    def get_config(self) -> Config:
        return {**super().get_config(), "data_format": self.data_format}


@LAYERS.register()
class SpatialDropout2D(_SpatialDropoutOfMaps):
    """In training, sets random channels of a sample to 0, each at all positions.

    Parameters
    ----------
    rate : float
        Probability that a channel is set to 0, in [0, 1); others are divided by `1 - rate`.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": samples are `(channels, height, width)`.
    **options
        `seed` and `name`, `trainable`, `input_shape`: see `Layer`.

    References
    ----------
    Tompson et al. 2015, "Efficient object localization using convolutional networks", section 3.2.
    """

    axes = 2


@LAYERS.register()
class SpatialDropout3D(_SpatialDropoutOfMaps):
    """In training, sets random channels of `(n, a, b, c, channels)` to 0: `SpatialDropout2D`."""

    axes = 3


@LAYERS.register()
class GaussianDropout(_RandomFactors):
    """In training, `y = x e` with e normal of mean 1 and variance `rate / (1 - rate)`.

    In prediction, `y = x`.

    Parameters
    ----------
    rate : float
        In [0, 1); e has the variance of the factors of `Dropout`.
    **options
        `seed` and `name`, `trainable`, `input_shape`, `input_dim`: see `Layer`.

    Notes
    -----
    e depends on seed, step and row alone: the same for any thread count.

    References
    ----------
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting",
    section 10.
    """

    kind = "gaussian_dropout"


@LAYERS.register()
class AlphaDropout(_WithNoiseShape):
    """In training, sets random elements to the limit p of `selu`, and keeps mean and variance.

    `y = a x + b`, or `y = a p + b` for the elements that are set, with `p = -1.7581`,
    `a = 1 / sqrt((1 - rate) (1 + rate p^2))` and `b = -a p rate`. In prediction, `y = x`.

    Parameters
    ----------
    rate : float
        Probability that an element is set, in [0, 1).
    noise_shape : tuple of int or None, optional
        As that of `Dropout`.
    **options
        `seed` and `name`, `trainable`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError, TypeError
        As `Dropout`.

    References
    ----------
    Klambauer et al. 2017, "Self-normalizing neural networks", section 2.
    """

    kind = "alpha_dropout"


def _checked_shape(given: Any) -> NoiseShape:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise TypeError(f"noise_shape: expected a tuple of sizes, got {given!r}")
    return tuple(None if size is None else check_integer("noise_shape", size, 1) for size in given)
