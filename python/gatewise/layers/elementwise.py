"""Layers of fixed functions of each value: rescaling, rectifiers, softmax, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.layers.activation import Activation
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.moved_axis import AxisLayer
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack


@LAYERS.register()
class Rescaling(Layer):
    """`y = scale x + offset`.

    Parameters
    ----------
    scale : float
        Factor; `1 / 255` maps bytes to [0, 1].
    offset : float
        Added to every value.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Rescaling(0.5, offset=-1.0)(np.array([[2.0, 4.0]])).tolist()
    [[0.0, 1.0]]
    """

    has_weights = False
    kind = "rescaling"

    def __init__(self, scale: float, offset: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.scale = check_number("scale", scale, -float("inf"))
        self.offset = check_number("offset", offset, -float("inf"))

    def native_options(self) -> NativeOptions:
        return {"scale": self.scale, "offset": self.offset}

    def get_config(self) -> Config:
        return {**super().get_config(), **self.native_options()}


@LAYERS.register()
class ReLU(Layer):
    """`y = max(x, 0)`, or with other settings a function of three linear pieces.

    y is `max_value` where x is above it, x from `threshold` on, and
    `negative_slope (x - threshold)` below.

    Parameters
    ----------
    max_value : float, optional
        Upper bound of y, at least 0; none if omitted.
    negative_slope : float
        Factor below the threshold, at least 0.
    threshold : float
        Where the function begins, at least 0.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Notes
    -----
    `gw.ReLU` is the activation of codes of an autoencoder; this is the layer.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.ReLU(max_value=6.0)(np.array([[-1.0, 2.0, 9.0]])).tolist()
    [[-0.0, 2.0, 6.0]]
    """

    has_weights = False
    kind = "piecewise_linear"

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.max_value = None if max_value is None else check_number("max_value", max_value, 0.0)
        self.negative_slope = check_number("negative_slope", negative_slope, 0.0)
        self.threshold = check_number("threshold", threshold, 0.0)

    def native_options(self) -> NativeOptions:
        return {
            "max_value": -1.0 if self.max_value is None else self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


@LAYERS.register()
class LeakyReLU(Layer):
    """`y = x` where x is positive, else `negative_slope x` (Maas et al. 2013).

    Parameters
    ----------
    negative_slope : float
        Factor of negative values, at least 0.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.LeakyReLU(0.5)(np.array([[-2.0, 2.0]])).tolist()
    [[-1.0, 2.0]]
    """

    has_weights = False
    kind = "piecewise_linear"

    def __init__(self, negative_slope: float = 0.3, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.negative_slope = check_number("negative_slope", negative_slope, 0.0)

    def native_options(self) -> NativeOptions:
        return {"max_value": -1.0, "negative_slope": self.negative_slope, "threshold": 0.0}

    def get_config(self) -> Config:
        return {**super().get_config(), "negative_slope": self.negative_slope}


@LAYERS.register()
class ELU(Layer):
    """`y = x` where x is positive, else `alpha (e^x - 1)`.

    Parameters
    ----------
    alpha : float
        The function tends to `-alpha` at minus infinity.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    References
    ----------
    Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear units",
    equation 15.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.ELU(0.5)(np.array([[-100.0, 2.0]])).tolist()
    [[-0.5, 2.0]]
    """

    has_weights = False
    kind = "elu"

    def __init__(self, alpha: float = 1.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.alpha = check_number("alpha", alpha, -float("inf"))

    def native_options(self) -> NativeOptions:
        return {"alpha": self.alpha}

    def get_config(self) -> Config:
        return {**super().get_config(), **self.native_options()}


@LAYERS.register()
class Identity(Layer):
    """`y = x`.

    Parameters
    ----------
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.
    """

    has_weights = False
    kind = "activation"

    def native_options(self) -> NativeOptions:
        return {"activation": "linear"}


@LAYERS.register()
class Softmax(AxisLayer, Activation):
    """`y_j = exp(x_j) / sum_i exp(x_i)` over one axis.

    Parameters
    ----------
    axis : int
        The axis, by default the last.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.
    """

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__("softmax", **options)
        self.take_axis(axis)

    def get_config(self) -> Config:
        config: dict[str, Any] = super().get_config()
        config.pop("activation")
        return {**config, "axis": self.axis}


@LAYERS.register()
class ActivityRegularization(Layer):
    """`y = x`, and a penalty `(l1 sum |x| + l2 sum x^2) / n` is part of the loss.

    Parameters
    ----------
    l1, l2 : float
        Factors, at least 0; n is the count of samples of a batch.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.
    """

    has_weights = False
    kind = "activity_regularization"

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.l1, self.l2 = check_number("l1", l1, 0), check_number("l2", l2, 0)

    def native_options(self) -> NativeOptions:
        return {"l1": self.l1, "l2": self.l2}

    def get_config(self) -> Config:
        return {**super().get_config(), **self.native_options()}


@LAYERS.register()
class GaussianNoise(Layer):
    """In training, `y = x + e` with e normal of mean 0; in prediction, `y = x`.

    Parameters
    ----------
    stddev : float
        Standard deviation of e, at least 0.
    seed : int, optional
        Seed of the noise; by default from the model's.
    **options
        `name`, `trainable`, `input_shape`, `input_dim`: see `Layer`.

    Notes
    -----
    The noise depends on seed, step and row alone: the same for any thread count.
    """

    has_weights = False
    kind = "gaussian_noise"

    def __init__(self, stddev: float, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.stddev = check_number("stddev", stddev, 0.0)

    def native_options(self) -> NativeOptions:
        return {"stddev": self.stddev}

    def get_config(self) -> Config:
        return {**super().get_config(), "stddev": self.stddev}
