"""Arrays of labels, rows of norm 1, and the tuples that hold data for `fit`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.utils.checks import check_integer

Array: TypeAlias = npt.NDArray[Any]


def to_categorical(x: npt.ArrayLike, num_classes: int | None = None) -> Array:
    """One-hot rows of labels: `y_ij = 1` where `j = x_i`, else 0.

    Losses named `sparse_...` take the labels themselves, which needs less memory.

    Parameters
    ----------
    x : array (n,), (n, 1) or (..., n) of int
        Classes from 0 to `num_classes - 1`, also as floats or text such as `"3"`. A last axis of
        one element is dropped.
    num_classes : int, optional
        `max(x) + 1` unless given.

    Returns
    -------
    ndarray (..., num_classes) of float64

    Raises
    ------
    ValueError
        If a label is no such class.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.utils.to_categorical([0, 2, 1]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    given = np.asarray(x)
    if given.dtype.kind in "OSU":
        given = given.astype(np.float64)
    labels = given.astype(np.int64)
    if (labels != given).any():
        raise ValueError(f"x: expected whole numbers, got {given[labels != given].flat[0]}")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    if not num_classes:
        if not labels.size:
            raise ValueError("num_classes: expected a count where x is empty, got None")
        num_classes = int(labels.max()) + 1
    count = check_integer("num_classes", num_classes, 1)
    outside = (labels < 0) | (labels >= count)
    if outside.any():
        raise ValueError(f"x: expected classes from 0 to {count - 1}, got {labels[outside][0]}")
    one_hot = np.zeros((labels.size, count))
    one_hot[np.arange(labels.size), labels] = 1
    return one_hot.reshape(*shape, count)


def normalize(x: npt.ArrayLike, axis: int = -1, order: float = 2) -> Array:
    """`x / ||x||` along an axis; what has norm 0 stays 0.

    Parameters
    ----------
    x : array
        Of any shape; one axis alone becomes one row `(1, n)`, as in Keras.
    axis : int, default -1
        The axis over which norms are taken.
    order : float, default 2
        The norm: 2, 1, `np.inf` or another one of `np.linalg.norm`.

    Returns
    -------
    ndarray

    Notes
    -----
    With `axis=0` each column has norm 1; Keras 3.15 divides by the norms along the wrong axis.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.utils.normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    array = np.asarray(x)
    if array.ndim == 1:
        array = array[np.newaxis]
        axis = -1
    norm = np.linalg.norm(array, order, axis, keepdims=True)
    norm[norm == 0] = 1
    result: Array = array / norm
    return result


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The tuple of data for `fit`: `(x, y, sample_weight)`, without what is None at its end.

    Returns
    -------
    x, or tuple
        x alone where it is no list and the others are None, else `(x,)`, `(x, y)` or all three.
    """
    if y is None:
        return (x,) if isinstance(x, list | tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample weights of `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Raises
    ------
    ValueError
        If a tuple or list has another count of elements.
    """
    if not isinstance(data, list | tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"data: expected (x,), (x, y) or (x, y, sample_weight), got {len(data)} elements"
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
