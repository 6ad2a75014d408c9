"""Activations with exponentials and logarithms, on arrays.

Arrays of float64 and float16 keep their type; all others become float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
F = TypeVar("F", bound=Callable[..., Any])

_SELU_ALPHA = 1.6732632423543772848
_SELU_SCALE = 1.0507009873554804934
"""Klambauer et al. 2017, "Self-normalizing neural networks", equation 2."""


def as_floats(x: npt.ArrayLike) -> Array:
    """x as an array of floats: float64 and float16 stay, all else becomes float32."""
    keeps = hasattr(x, "dtype") and x.dtype in (np.float64, np.float16)
    return np.asarray(x) if keeps else np.asarray(x, dtype=np.float32)


def takes_symbols(function: F) -> F:
    """A decorator: of a symbol, the function gives that of a layer with this activation.

    Raises
    ------
    TypeError
        A setting is given with a symbol: layers compute activations with their defaults.
    """
    name = function.__name__

    @wraps(function)
    def call(x: Any, *settings: Any, **named: Any) -> Any:
        connect = getattr(x, "activated", None)
        if connect is None:
            return function(x, *settings, **named)
        if settings or named:
            raise TypeError(f"{name}: expected no settings with a symbol; see gw.layers.ReLU")
        return connect(name)

    return call  # type: ignore[return-value]


def linear(x: Any) -> Any:
    """x itself."""
    return x


@takes_symbols
def sigmoid(x: npt.ArrayLike) -> Array:
    """`1 / (1 + e^-x)`."""
    x = as_floats(x)
    small = np.exp(-np.abs(x))  # at most 1, so that nothing overflows
    result: Array = np.where(x >= 0, 1, small) / (1 + small)
    return result.astype(x.dtype, copy=False)


def log_sigmoid(x: npt.ArrayLike) -> Array:
    """`log(1 / (1 + e^-x))`."""
    return -softplus(-as_floats(x))


@takes_symbols
def softplus(x: npt.ArrayLike) -> Array:
    """`log(1 + e^x)`."""
    x = as_floats(x)
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


@takes_symbols
def tanh(x: npt.ArrayLike) -> Array:
    """`tanh(x)`."""
    result: Array = np.tanh(as_floats(x))
    return result


def tanh_shrink(x: npt.ArrayLike) -> Array:
    """`x - tanh(x)`."""
    x = as_floats(x)
    result: Array = x - np.tanh(x)
    return result


@takes_symbols
def exponential(x: npt.ArrayLike) -> Array:
    """`e^x`."""
    result: Array = np.exp(as_floats(x))
    return result


@takes_symbols
def elu(x: npt.ArrayLike, alpha: float = 1.0) -> Array:
    """x where `x > 0`, else `alpha (e^x - 1)`.

    References
    ----------
    Clevert, Unterthiner, Hochreiter 2016, "Fast and accurate deep network learning by exponential
    linear units", equation 15.
    """
    x = as_floats(x)
    result: Array = np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))
    return result


@takes_symbols
def selu(x: npt.ArrayLike) -> Array:
    """`s x` where `x > 0`, else `s a (e^x - 1)`, with s = 1.0507 and a = 1.6733.

    References
    ----------
    Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.
    """
    x = as_floats(x)
    result: Array = x.dtype.type(_SELU_SCALE) * elu(x, _SELU_ALPHA)
    return result


def celu(x: npt.ArrayLike, alpha: float = 1.0) -> Array:
    """`max(x, 0) + min(alpha (e^(x / alpha) - 1), 0)`.

    References
    ----------
    Barron 2017, "Continuously differentiable exponential linear units", equation 2.
    """
    x = as_floats(x)
    scale = x.dtype.type(alpha)
    result: Array = np.maximum(x, 0) + scale * np.expm1(np.minimum(x, 0) / scale)
    return result


@takes_symbols
def gelu(x: npt.ArrayLike, approximate: bool = False) -> Array:
    """`x Phi(x)`, with the standard normal CDF Phi.

    Parameters
    ----------
    x : array
        Of any shape.
    approximate : bool, default False
        Whether to take `(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2` for Phi. Layers compute
        the exact form.

    Returns
    -------
    ndarray of the same shape

    References
    ----------
    Hendrycks, Gimpel 2016, "Gaussian error linear units", section 2.
    """
    x = as_floats(x)
    if approximate:
        inner = x.dtype.type(np.sqrt(2 / np.pi)) * (x + x.dtype.type(0.044715) * x**3)
        result: Array = x * (1 + np.tanh(inner)) / 2
        return result
    from scipy.special import ndtr

    exact: Array = x * ndtr(x)
    return exact.astype(x.dtype, copy=False)


@takes_symbols
def silu(x: npt.ArrayLike) -> Array:
    """`x / (1 + e^-x)`.

    References
    ----------
    Ramachandran, Zoph, Le 2017, "Searching for activation functions", section 3 (swish).
    """
    x = as_floats(x)
    return x * sigmoid(x)


def mish(x: npt.ArrayLike) -> Array:
    """`x tanh(log(1 + e^x))`.

    References
    ----------
    Misra 2019, "Mish: a self regularized non-monotonic activation function", equation 1.
    """
    x = as_floats(x)
    return x * tanh(softplus(x))


@takes_symbols
def softsign(x: npt.ArrayLike) -> Array:
    """`x / (1 + |x|)`."""
    x = as_floats(x)
    result: Array = x / (1 + np.abs(x))
    return result


def squareplus(x: npt.ArrayLike, b: float = 4) -> Array:
    """`(x + sqrt(x^2 + b)) / 2`.

    References
    ----------
    Barron 2021, "Squareplus: a softplus-like algebraic rectifier", equation 1.
    """
    x = as_floats(x)
    result: Array = (x + np.sqrt(x * x + x.dtype.type(b))) / 2
    return result


@takes_symbols
def softmax(x: npt.ArrayLike, axis: int = -1) -> Array:
    """`e^x_i / sum_j e^x_j` along an axis."""
    x = as_floats(x)
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def log_softmax(x: npt.ArrayLike, axis: int = -1) -> Array:
    """`x_i - log(sum_j e^x_j)` along an axis."""
    x = as_floats(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return result


def glu(x: npt.ArrayLike, axis: int = -1) -> Array:
    """`a / (1 + e^-b)`, where a and b are the halves of x along an axis.

    Raises
    ------
    ValueError
        If the axis has an odd size.

    References
    ----------
    Dauphin et al. 2017, "Language modeling with gated convolutional networks", equation 1.
    """
    x = as_floats(x)
    if x.shape[axis] % 2:
        raise ValueError(f"x: expected an even size of axis {axis}, got shape {x.shape}")
    first, second = np.split(x, 2, axis=axis)
    return first * sigmoid(second)


swish = silu
