"""Weights of a weighted sum of the outputs of several models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from gatewise._core import Doubles

METHODS = ("ridge", "softmax")


def combine(
    outputs: Any, y: Any, method: str = "ridge", l2: float = 1e-2
) -> tuple[Doubles, Doubles]:
    """Fits alpha and b of `z = sum_i alpha_i z_i + b` to held-out outputs z_i of K models.

    "ridge": alpha is unconstrained and penalized for its distance to the mean,
    `min L(z, y) + l2 |alpha - 1/K|^2`. "softmax": alpha lies on the simplex (all values >= 0,
    sum 1), `min L(z, y)` over the a of `alpha = softmax(a)`. L is the mean cross-entropy of
    `softmax(z)` for labels, else the mean squared error.

    Parameters
    ----------
    outputs : array (K, n, u)
        Logits, or predicted values, of each model on rows that none of them was trained on.
    y : array (n,) of int, or (n, u)
        Labels 0 to u - 1, or targets.
    method : {"ridge", "softmax"}
        How alpha is constrained, see above.
    l2 : float
        Strength of the penalty, at least 0; unused by "softmax".

    Returns
    -------
    alpha : ndarray (K,)
    bias : ndarray (u,)

    Raises
    ------
    ValueError
        A shape, a label, `l2` or the method is invalid, or an output is not finite.

    References
    ----------
    Breiman 1996, "Stacked regressions", sections 2 and 3.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> good = np.random.default_rng(0).normal(size=(50, 2))
    >>> alpha, bias = gw.decompose.combine(np.stack([good, 0 * good]), good, "softmax")
    >>> alpha.round(2)
    array([1., 0.])
    """
    if method not in METHODS:
        raise ValueError(f"method: expected 'ridge' or 'softmax', got {method!r}")
    l2 = check_number("l2", l2, 0)
    values = np.asarray(outputs, np.float64)
    if values.ndim != 3 or min(values.shape) < 1:
        raise ValueError(f"outputs: expected shape (K, n, u), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("outputs: expected finite numbers, got NaN or infinity")
    targets = _targets(y, values.shape[1], values.shape[2])
    labels = targets.dtype.kind == "i"
    if method == "ridge" and not labels:
        return _solve(values, targets, l2)
    return _descend(values, targets, method, l2)


def _targets(y: Any, rows: int, units: int) -> Any:
    array = np.asarray(y)
    if array.ndim == 1 and array.dtype.kind in "iub" and units > 1:
        if array.shape != (rows,):
            raise ValueError(f"y: expected {rows} labels, got {array.shape}")
        labels = array.astype(np.int64)
        if labels.min() < 0 or labels.max() >= units:
            raise ValueError(
                f"y: expected labels from 0 to {units - 1}, got {labels.min()} to {labels.max()}"
            )
        return labels
    if array.size != rows * units:
        raise ValueError(f"y: expected shape ({rows}, {units}), got {array.shape}")
    return array.reshape(rows, units).astype(np.float64)


def _solve(outputs: Doubles, targets: Doubles, l2: float) -> tuple[Doubles, Doubles]:
    """Ridge regression in closed form, on centred outputs and targets; b restores the means."""
    count, rows, units = outputs.shape
    means = outputs.mean(axis=1)
    columns = (outputs - means[:, None]).reshape(count, rows * units)
    mean = targets.mean(axis=0)
    start = np.full(count, 1 / count)
    residual = (targets - mean).ravel() - start @ columns
    square = columns @ columns.T / (rows * units) + l2 * np.eye(count)
    alpha = start + np.linalg.lstsq(square, columns @ residual / (rows * units), rcond=None)[0]
    return alpha, mean - alpha @ means


def _descend(outputs: Doubles, targets: Any, method: str, l2: float) -> tuple[Doubles, Doubles]:
    from scipy.optimize import minimize

    count, _, units = outputs.shape
    start = np.zeros(count + units)
    if method == "ridge":
        start[:count] = 1 / count

    def weights(parameters: Doubles) -> Doubles:
        if method == "ridge":
            return parameters[:count]
        exponentials = np.exp(parameters[:count] - parameters[:count].max())
        return np.asarray(exponentials / exponentials.sum())

    def loss(parameters: Doubles) -> tuple[float, Doubles]:
        alpha = weights(parameters)
        z = np.tensordot(alpha, outputs, axes=1) + parameters[count:]
        value, d_z = _loss(z, targets)
        d_alpha = np.tensordot(outputs, d_z, axes=([1, 2], [0, 1]))
        if method == "ridge":
            value += l2 * np.sum((alpha - 1 / count) ** 2)
            d_alpha = d_alpha + 2 * l2 * (alpha - 1 / count)
        else:
            d_alpha = alpha * (d_alpha - alpha @ d_alpha)
        return value, np.concatenate([d_alpha, d_z.sum(axis=0)])

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return weights(found.x), found.x[count:]


def _loss(z: Doubles, targets: Any) -> tuple[float, Doubles]:
    """Mean loss and its gradient with respect to z."""
    if targets.dtype.kind != "i":
        error = z - targets
        return float(np.mean(error**2)), 2 * error / error.size
    shifted = z - z.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    at = np.arange(len(z)), targets
    value = float(np.mean(np.log(sums[:, 0]) - shifted[at]))
    d_z = exponentials / sums
    d_z[at] -= 1
    return value, d_z / len(z)
