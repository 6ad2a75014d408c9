"""Splits of samples into training and validation rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.data.scores import has_labels
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]
    Fold = tuple[Rows, Rows]


def make_folds(cv: Any, x: Any, y: Any, seed: int) -> list[Fold]:
    """Makes the pairs of training and validation row indices.

    Parameters
    ----------
    cv : int, scikit-learn splitter, or iterable of (training, validation)
        A fold count >= 2: rows are shuffled by `seed`, and folds are stratified by class if y
        holds labels. A splitter is called once.
    x, y
        The samples, and targets or None.
    seed : int
        Seed of the shuffle.

    Raises
    ------
    ValueError
        The fold count is below 2 or above the sample count, or a row index is out of range.
    TypeError
        cv is none of the three.
    """
    count = num_samples(x)
    if isinstance(cv, int) and not isinstance(cv, bool):
        check_integer("cv", cv, 2)
        splits = import_extra("sklearn.model_selection", "sklearn")
        kind = splits.StratifiedKFold if has_labels(y) else splits.KFold
        cv = kind(cv, shuffle=True, random_state=seed)
    if hasattr(cv, "split") and not isinstance(cv, str):
        # Splitters only need the row count and the labels.
        cv = cv.split(np.empty((count, 0)), y)
    type_error = TypeError(
        f"cv: expected a fold count, a splitter or pairs of row indices, got {cv!r}"
    )
    if isinstance(cv, str):
        raise type_error
    try:
        pairs = [tuple(np.asarray(part) for part in fold) for fold in cv]
    except TypeError:
        raise type_error from None
    return [_check(pair, count) for pair in pairs]


def num_samples(x: Any) -> int:
    """Sample count; TypeError if x has no shape and cannot be indexed by rows."""
    shape = getattr(x, "shape", None)
    if not shape:
        raise TypeError(f"x: expected an array or a sparse matrix, got {type(x).__name__}")
    return int(shape[0])


def _check(pair: tuple[Any, ...], count: int) -> Fold:
    if len(pair) != 2:
        raise ValueError(f"cv: expected pairs of training and validation rows, got {len(pair)}")
    for rows in pair:
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) == 0:
            raise ValueError("cv: expected arrays of row indices for training and validation")
        if rows.min() < 0 or rows.max() >= count:
            raise ValueError(f"cv: expected rows from 0 to {count - 1}, got {rows.max()}")
    return pair[0].astype(np.int64), pair[1].astype(np.int64)
