"""Normalization with statistics of the data, of a batch, or of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import initializers
from gatewise.data.convert import to_array, to_float32
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
class Normalization(AxisLayer):
    """`y = (x - mean) / sqrt(variance)` by column, with statistics of data that `adapt` saw.

    Parameters
    ----------
    axis : int
        The axis of the columns, by default the last.
    mean, variance : float or array (d,), optional
        The statistics, both or neither; set by `adapt` if omitted.
    invert : bool
        If True, `y = mean + sqrt(variance) x`.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `axis` is another, one of `mean` and `variance` is missing, or their sizes do not fit.

    Notes
    -----
    A root of the variance below 1e-7 counts as 1e-7. Training does not change the statistics.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.layers.Normalization()
    >>> layer.adapt(np.array([[0.0], [4.0]]))
    >>> layer(np.array([[4.0]])).tolist()
    [[1.0]]
    """

    kind = "normalization"

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.take_axis(axis)
        if (mean is None) != (variance is None):
            raise ValueError("mean, variance: expected both or neither")
        self.mean, self.variance = _vector(mean), _vector(variance)
        self.invert = check_flag("invert", invert)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Sets mean and variance to those of each column of `data` `(n, ..., d)`.

        Parameters
        ----------
        data : array
            Rows; a Series or array `(n,)` is one column.
        batch_size, steps : None
            Not needed: sums are of all rows, in float64.
        """
        if steps is not None:
            raise TypeError(f"steps: expected None, got {steps!r}")
        values = to_float32(to_array(data, "data"), "data")
        if not len(values):
            raise ValueError(f"data: expected at least one row, got shape {values.shape}")
        if values.ndim == 1:
            values = values.reshape(-1, 1)
        columns = np.moveaxis(values, self.acting_axis(values.ndim), -1)
        rows = columns.reshape(-1, columns.shape[-1])
        self.mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.variance = rows.var(axis=0, dtype=np.float64).astype(np.float32)
        if not self.has_shape:
            self.build((None, *values.shape[1:]))
        self.draw_weights(0, 0)
        self._put_statistics()

    def native_options(self) -> NativeOptions:
        return {"invert": self.invert}

    def build(self, input_shape: Any) -> None:
        was_built = self.has_shape
        super().build(input_shape)
        if not was_built and self.mean is not None:
            self.draw_weights(0, 0)
            self._put_statistics()

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return initializers.Ones() if parameter.name == "variance" else initializers.Zeros()

    def _put_statistics(self) -> None:
        shape = (int(self.inner_shape(self.input_shape)[-1] or 0),)
        values = [np.broadcast_to(each, shape) for each in (self.mean, self.variance)]
        self.set_weights([np.ascontiguousarray(each, np.float32) for each in values])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "mean": None if self.mean is None else self.mean.tolist(),
            "variance": None if self.variance is None else self.variance.tolist(),
            "invert": self.invert,
        }


@LAYERS.register()
class BatchNormalization(AxisLayer):
    """`y = gamma (x - mean) / sqrt(variance + epsilon) + beta` by column.

    In training mean and variance are those of the batch, over all axes but `axis`, and the moving
    ones follow: `m <- momentum m + (1 - momentum) batch`. Prediction uses the moving ones, and so
    does training where the layer is not `trainable`.

    Parameters
    ----------
    axis : int
        The axis of the columns, by default the last.
    momentum : float
        Share of the moving statistics that a step keeps.
    epsilon : float
        Added to the variance, above 0.
    center, scale : bool
        If True, there is a beta (`center`) or a gamma (`scale`), each `(d,)`.
    beta_initializer, gamma_initializer : str or Initializer
        Initial values of beta and gamma.
    moving_mean_initializer, moving_variance_initializer : str or Initializer
        Initial values of the moving statistics.
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
        Penalty on beta and gamma.
    beta_constraint, gamma_constraint : str or Constraint, optional
        Constraint on beta and gamma after every update.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `axis` is another, or a number is out of range.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    The variance is the biased one, also in its moving mean, as in Keras. Sums are in float64 over
    blocks of 1,024 rows: the same bits for any thread count. Samples of weight 0 do not count.

    References
    ----------
    Ioffe, Szegedy 2015, "Batch normalization", algorithms 1 and 2.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.BatchNormalization(epsilon=1e-12)(np.array([[2.0]])).tolist()
    [[2.0]]
    """

    kind = "batch_normalization"
    weight_names = {"scale": "gamma", "bias": "beta"}  # noqa: RUF012, read only
    beta_regularizer: Regularizer | None
    gamma_regularizer: Regularizer | None
    beta_constraint: Constraint | None
    gamma_constraint: Constraint | None
    keras_defaults = {  # noqa: RUF012, read only
        "synchronized": False,
        "renorm": False,
        "renorm_clipping": None,
        "renorm_momentum": 0.99,
    }

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: str | Initializer | Config = "zeros",
        gamma_initializer: str | Initializer | Config = "ones",
        moving_mean_initializer: str | Initializer | Config = "zeros",
        moving_variance_initializer: str | Initializer | Config = "ones",
        beta_regularizer: str | Regularizer | Config | None = None,
        gamma_regularizer: str | Regularizer | Config | None = None,
        beta_constraint: str | Constraint | Config | None = None,
        gamma_constraint: str | Constraint | Config | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.take_axis(axis)
        self.momentum = check_number("momentum", momentum, 0.0, 1.0)
        self.epsilon = check_number("epsilon", epsilon, 0)
        self.center = check_flag("center", center)
        self.scale = check_flag("scale", scale)
        given = {
            "beta": beta_initializer,
            "gamma": gamma_initializer,
            "moving_mean": moving_mean_initializer,
            "moving_variance": moving_variance_initializer,
        }
        self._initializers = {
            name: initializers.get(each, f"{name}_initializer") for name, each in given.items()
        }
        self.take_penalties(
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def native_options(self) -> NativeOptions:
        return {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
        }

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self._initializers[parameter.name]

    def get_config(self) -> Config:
        described = {
            f"{name}_initializer": initializers.serialize(each)
            for name, each in self._initializers.items()
        }
        return {
            **super().get_config(),
            "axis": self.axis,
            **self.native_options(),
            **described,
            **self.penalty_config(),
        }


@LAYERS.register()
class RMSNormalization(AxisLayer):
    """`y = scale x / sqrt(mean(x^2) + epsilon)` over one axis.

    Parameters
    ----------
    axis : int
        The axis of the columns, by default the last.
    epsilon : float
        Added to the mean square, above 0.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `axis` is another, or `epsilon` is not above 0.

    Notes
    -----
    `scale` `(d,)` is trained and begins with ones. Input and output shape `(n, ..., d)`.

    References
    ----------
    Zhang, Sennrich 2019, "Root mean square layer normalization", equation 4.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.RMSNormalization(epsilon=1e-12)(np.array([[3.0, -3.0]])).tolist()
    [[1.0, -1.0]]
    """

    kind = "rms_normalization"

    def __init__(
        self, axis: int = -1, epsilon: float = 1e-6, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.take_axis(axis)
        self.epsilon = check_number("epsilon", epsilon, 0)

    def native_options(self) -> NativeOptions:
        return {"epsilon": self.epsilon}

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


def _vector(value: Any) -> Any:
    if value is None:
        return None
    return np.atleast_1d(np.asarray(value, np.float32)).ravel()
