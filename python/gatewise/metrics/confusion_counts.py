"""True and false positives and negatives at several thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gatewise.losses.arrays import match_ranks, to_floats
from gatewise.metrics.base import Array, Doubles

_LOWEST = -1e10
"""Keras' value of outputs that are not among the k largest."""
_EPSILON = 1e-7
"""Keras' epsilon."""


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds divide [0, 1] into equal parts, so that rows are counted by bucket."""
    count = len(thresholds)
    if count < 3:
        return False
    even = np.arange(count, dtype=np.float32) / (count - 1)
    return bool(np.allclose(thresholds, even, atol=_EPSILON))


def confusion_counts(
    y_true: object,
    y_pred: object,
    sample_weight: object,
    thresholds: Doubles,
    *,
    top_k: int | None = None,
    class_id: int | None = None,
    unit_weights: Array | None = None,
    by_unit: bool = False,
    has_margin: bool = False,
    even: bool = False,
) -> Doubles:
    """Weighted counts of true and false positives, and true and false negatives.

    Parameters
    ----------
    y_true, y_pred : array (n, ..., u) or (n,)
        Targets, of which all but 0 are positive, and outputs.
    sample_weight : array (n, ...), optional
        Weights of samples, rows or units.
    thresholds : ndarray (t,)
        An output above one is positive there; in any order.
    top_k : int, optional
        Only the k largest outputs of a row can be positive, ties to the lowest index.
    class_id : int, optional
        Only this unit counts.
    unit_weights : ndarray (u,), optional
        Further weights.
    by_unit : bool
        Whether each unit has its own counts.
    has_margin : bool
        Whether the first and last threshold are just outside of [0, 1].
    even : bool
        Whether the thresholds are those of `are_even`; outputs are clipped to [0, 1] then.

    Returns
    -------
    ndarray (4, t), or (4, t, u) by unit
        In the order above.

    Raises
    ------
    TypeError, ValueError
        If the arrays are no numbers, or do not fit.
    """
    outputs, expected = match_ranks(to_floats(y_pred, "y_pred"), to_floats(y_true, "y_true"))
    if outputs.ndim == 0 or outputs.shape != expected.shape:
        raise ValueError(
            f"y_true: expected the shape of y_pred, {outputs.shape}, with at least one axis, "
            f"got {expected.shape}"
        )
    weights = np.ones(outputs.shape)
    if sample_weight is not None:
        given = to_floats(sample_weight, "sample_weight")
        weights = weights * given.reshape(given.shape + (1,) * (outputs.ndim - given.ndim))
    if top_k is not None:
        outputs = _keep_largest(outputs, top_k)
    if class_id is not None:
        if outputs.ndim < 2 or class_id >= outputs.shape[-1]:
            raise ValueError(
                f"class_id: expected predictions (n, u) of more than {class_id} units, got shape "
                f"{outputs.shape}"
            )
        outputs, expected, weights = (
            each[..., class_id : class_id + 1] for each in (outputs, expected, weights)
        )
    if unit_weights is not None:
        weights = weights * unit_weights
    outputs = np.where(np.isnan(outputs), -np.inf, outputs)  # above no threshold
    units = outputs.shape[-1] if by_unit else 1
    columns = [each.reshape(-1, units).T for each in (outputs, expected != 0, weights)]
    order = np.argsort(thresholds, kind="stable")
    counts = np.empty((4, len(thresholds), units))
    for at, unit in enumerate(zip(*columns, strict=True)):
        output, positive, weight = unit
        counts[:, order, at] = _count(output, positive, weight, thresholds[order], even, has_margin)
    return counts if by_unit else counts[:, :, 0]


def _count(
    outputs: Array, positive: Array, weights: Array, thresholds: Doubles, even: bool, margin: bool
) -> Doubles:
    """The counts (4, t) of one unit for ascending thresholds; arrays are (n,)."""
    below = _thresholds_below(outputs, thresholds, even, margin)
    count = len(thresholds)
    found = []
    for weight in (weights * positive, weights * ~positive):
        of_bucket = np.bincount(below, weight, count + 1)
        # Above threshold i are the outputs with more than i thresholds below them.
        above = np.cumsum(of_bucket[::-1])[::-1][1:]
        found += [above, of_bucket.sum() - above]
    true_positives, false_negatives, false_positives, true_negatives = found
    return np.array([true_positives, false_positives, true_negatives, false_negatives])


def _thresholds_below(outputs: Array, thresholds: Doubles, even: bool, margin: bool) -> Array:
    """How many of ascending thresholds are below each output."""
    if not even:
        return np.searchsorted(thresholds.astype(np.float32), outputs, side="left")
    # In float32, as Keras assigns buckets.
    parts = np.clip(outputs, 0, 1) * np.float32(len(thresholds) - 1)
    return np.maximum(np.ceil(parts).astype(np.int64), int(margin))


def _keep_largest(outputs: Array, k: int) -> Array:
    """The outputs, those that are not among the k largest of their row replaced."""
    order = np.argsort(-outputs, axis=-1, kind="stable")[..., :k]
    kept: Array = np.full_like(outputs, _LOWEST)
    np.put_along_axis(kept, order, np.take_along_axis(outputs, order, axis=-1), axis=-1)
    return kept
