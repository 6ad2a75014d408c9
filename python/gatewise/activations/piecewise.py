"""Activations that are polynomials between bounds, on arrays.

Arrays of float64 and float16 keep their type; all others become float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.activations.smooth import Array, as_floats, takes_symbols


@takes_symbols
def relu(
    x: npt.ArrayLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """`max(x, 0)`; with the options a line to either side of a threshold, and an upper bound.

    Parameters
    ----------
    x : array
        Of any shape.
    negative_slope : float, default 0
        s in `s (x - threshold)`, the value for `x <= threshold`.
    max_value : float, optional
        The largest value.
    threshold : float, default 0
        Above it the value is x.

    Returns
    -------
    ndarray of the same shape

    References
    ----------
    Nair, Hinton 2010, "Rectified linear units improve restricted Boltzmann machines", section 2.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.activations.relu([-2.0, 1.0, 9.0], negative_slope=0.5, max_value=6).tolist()
    [-1.0, 1.0, 6.0]
    """
    x = as_floats(x)
    above = x > threshold
    upper = np.where(above, x, 0)
    if max_value is not None:
        upper = np.clip(upper, 0, x.dtype.type(max_value))
    lower = x.dtype.type(negative_slope) * np.minimum(x - x.dtype.type(threshold), 0)
    result: Array = upper + lower if negative_slope else upper
    return result


@takes_symbols
def leaky_relu(x: npt.ArrayLike, negative_slope: float = 0.2) -> Array:
    """x where `x > 0`, else `negative_slope x`; layers compute it with 0.2.

    References
    ----------
    Maas, Hannun, Ng 2013, "Rectifier nonlinearities improve neural network acoustic models",
    equation 2.
    """
    return relu(x, negative_slope)


def relu6(x: npt.ArrayLike) -> Array:
    """`min(max(x, 0), 6)`."""
    return relu(x, max_value=6.0)


def hard_sigmoid(x: npt.ArrayLike) -> Array:
    """`min(max(x / 6 + 1 / 2, 0), 1)`."""
    x = as_floats(x)
    result: Array = np.clip(x + 3, 0, 6) / 6
    return result


def hard_silu(x: npt.ArrayLike) -> Array:
    """`x min(max(x / 6 + 1 / 2, 0), 1)`.

    References
    ----------
    Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """
    x = as_floats(x)
    return x * hard_sigmoid(x)


def hard_tanh(x: npt.ArrayLike) -> Array:
    """`min(max(x, -1), 1)`."""
    result: Array = np.clip(as_floats(x), -1, 1)
    return result


def hard_shrink(x: npt.ArrayLike, threshold: float = 0.5) -> Array:
    """x where `|x| > threshold`, else 0."""
    x = as_floats(x)
    result: Array = np.where(np.abs(x) > threshold, x, 0)
    return result


def soft_shrink(x: npt.ArrayLike, threshold: float = 0.5) -> Array:
    """`sign(x) max(|x| - threshold, 0)`."""
    x = as_floats(x)
    result: Array = np.sign(x) * np.maximum(np.abs(x) - x.dtype.type(threshold), 0)
    return result


def threshold(x: npt.ArrayLike, threshold: float, default_value: float) -> Array:
    """x where `x > threshold`, else `default_value`."""
    x = as_floats(x)
    result: Array = np.where(x > threshold, x, x.dtype.type(default_value))
    return result


def sparse_plus(x: npt.ArrayLike) -> Array:
    """0 below -1, x above 1, and `(x + 1)^2 / 4` between them.

    References
    ----------
    Blondel, Martins, Niculae 2020, "Learning with Fenchel-Young losses", table 1 (of which
    `sparse_sigmoid` is the derivative).
    """
    x = as_floats(x)
    middle = (np.clip(x, -1, 1) + 1) ** 2 / 4
    result: Array = np.where(x >= 1, x, middle)
    return result


def sparse_sigmoid(x: npt.ArrayLike) -> Array:
    """`min(max((x + 1) / 2, 0), 1)`."""
    result: Array = (np.clip(as_floats(x), -1, 1) + 1) / 2
    return result


def sparsemax(x: npt.ArrayLike, axis: int = -1) -> Array:
    """The probabilities nearest to x along an axis: `max(x_i - t, 0)`, t so that they sum to 1.

    Notes
    -----
    The result of Keras 3.15 does not sum to 1 where more than one probability is above 0.

    References
    ----------
    Martins, Astudillo 2016, "From softmax to sparsemax", algorithm 1.
    """
    rows = np.moveaxis(as_floats(x), axis, -1)
    rows = rows - rows.max(axis=-1, keepdims=True)  # the same probabilities, with smaller sums
    ordered = -np.sort(-rows, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    counts = np.arange(1, rows.shape[-1] + 1, dtype=rows.dtype)
    kept = (1 + counts * ordered > sums).sum(axis=-1, keepdims=True)
    shift = (np.take_along_axis(sums, kept - 1, axis=-1) - 1) / kept.astype(rows.dtype)
    result: Array = np.moveaxis(np.maximum(rows - shift, 0), -1, axis)
    return result


hard_swish = hard_silu
