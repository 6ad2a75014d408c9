"""Losses of arrays: conversion for the core, and the reduction of rows' values to one number."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int32]

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
"""Keras' names of reductions."""


def to_numbers(value: object, name: str) -> Array:
    """`value` as an array of real numbers; a list is one too.

    Raises
    ------
    TypeError
        If its elements are not real numbers.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: expected an array of float, int or bool numbers, got dtype {array.dtype}"
        )
    return array


def to_floats(value: object, name: str) -> Floats:
    """`value` as a C-contiguous array of float32."""
    return np.require(to_numbers(value, name), np.float32, ["C", "A"])


def match_ranks(first: Array, second: Array) -> tuple[Array, Array]:
    """Both with as many axes where they differ by a last axis of size 1, as in Keras.

    `(n,)` beside `(n, 1)` becomes `(n, 1)`; `(n, t, 1)` beside `(n, t)` becomes `(n, t)`.
    """
    if first.ndim == second.ndim + 1 and first.shape[-1] == 1:
        if second.ndim == 1:
            return first, second[:, np.newaxis]
        return first[..., 0], second
    if second.ndim == first.ndim + 1:
        second, first = match_ranks(second, first)
    return first, second


def to_rows(y_true: object, y_pred: object) -> tuple[Floats, Floats]:
    """Targets and predictions as float32 of the same shape `(..., u)`.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    expected, outputs = match_ranks(to_floats(y_true, "y_true"), to_floats(y_pred, "y_pred"))
    if outputs.ndim == 0 or expected.shape != outputs.shape:
        raise ValueError(
            f"y_true: expected the shape of y_pred, {outputs.shape}, with at least one axis, "
            f"got {expected.shape}"
        )
    return expected, outputs


def to_labelled_rows(y_true: object, y_pred: object) -> tuple[Labels, Floats]:
    """Class indices `(...)`, and predictions `(..., u)` as float32.

    Raises
    ------
    ValueError
        If the shapes do not fit, or labels are no whole numbers.
    """
    labels, outputs = to_numbers(y_true, "y_true"), to_floats(y_pred, "y_pred")
    if labels.ndim == outputs.ndim and labels.shape[-1:] == (1,):
        labels = labels[..., 0]
    if outputs.ndim == 0 or labels.shape != outputs.shape[:-1]:
        raise ValueError(
            f"y_true: expected class indices of shape {outputs.shape[:-1]} for y_pred of shape "
            f"{outputs.shape}, got {labels.shape}"
        )
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
        raise ValueError("y_true: expected integer class indices, got fractions")
    return np.require(labels, np.int32, ["C", "A"]), outputs


def flat(targets: Array, outputs: Floats, are_labels: bool) -> tuple[Array, Floats]:
    """Targets and predictions with one axis of rows, as the core reads them."""
    units = outputs.shape[-1]
    rows = outputs.reshape(-1, units)
    return targets.reshape(-1) if are_labels else targets.reshape(-1, units), rows


def weigh(values: Array, weights: Array) -> tuple[Array, Array]:
    """Values times weights, and the weights, of the shape of the values.

    A weight of a sample is that of all its rows.
    """
    values, weights = match_ranks(values, weights)
    weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    return values * weights, np.broadcast_to(weights, values.shape)


def reduce(
    values: Floats,
    sample_weight: object = None,
    counted: Array | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Any:
    """The losses of rows as one number, or weighted alone with reduction "none".

    Parameters
    ----------
    values : ndarray (...), float32
        The loss of each row.
    sample_weight : array, optional
        Weight of each row, or of each sample.
    counted : ndarray (...) of bool, optional
        Rows that a mean is over; all unless given.
    reduction : str or None
        One of `REDUCTIONS`.

    Returns
    -------
    float32 or ndarray
        0 where the divisor is 0.
    """
    weighted, weights = np.asarray(values, np.float64), None
    if sample_weight is not None:
        given = np.asarray(to_numbers(sample_weight, "sample_weight"), np.float64)
        weighted, weights = weigh(weighted, given)
    if reduction in ("none", None) or weighted.shape in ((), (0,)):
        return np.asarray(weighted, np.float32)[()]
    total = weighted.sum()
    if reduction == "sum":
        return np.float32(total)
    mask = np.ones(weighted.shape) if counted is None else counted.reshape(weighted.shape)
    if reduction == "mean_with_sample_weight" and weights is not None:
        mask = mask * weights
    divisor = mask.sum()
    return np.float32(total / divisor) if divisor else np.float32(0)
