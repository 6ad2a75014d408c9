"""Class labels in any form: what models are trained on, and what predictions are compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import losses
from gatewise.models import Model

if TYPE_CHECKING:
    import numpy.typing as npt

_MAX_FLOAT_CLASSES = 20
"""Whole floats are labels if they have no more distinct values and nothing else tells."""


@dataclass(frozen=True)
class Targets:
    """Targets of a comparison.

    Attributes
    ----------
    y : array or None
        What models are trained on: class indices for text, bool and float labels; else as given,
        but for the axis of a column of labels.
    labels : ndarray (n,) of int, or None
        The class of each row, if the targets are labels or one-hot rows.
    """

    y: Any
    labels: npt.NDArray[np.integer[Any]] | None = None

    @property
    def to_score(self) -> Any:
        """What predictions are compared with."""
        return self.y if self.labels is None else self.labels


def as_targets(y: Any, models: Iterable[Any] = ()) -> Targets:
    """Targets as they were given to `compare` and its kin.

    Parameters
    ----------
    y : array, pandas object or None
        Labels `(n,)` or `(n, 1)` of int, bool, text or whole floats; one-hot rows `(n, C)`; or
        targets. Integers are class indices already; other labels get their index in sorted order.
    models : iterable of model
        The candidates. Whole floats are labels if a candidate classifies, and targets if one
        regresses; with others, if they have at most 20 distinct values.

    Raises
    ------
    TypeError
        y is of text or objects, but not of one kind, or with missing values.
    """
    if y is None:
        return Targets(None)
    array = np.asarray(y)
    is_column = array.ndim == 2 and array.shape[1] == 1
    column = array[:, 0] if is_column else array
    if column.ndim == 1:
        kind = column.dtype.kind
        if kind in "USO" or hasattr(y, "cat"):
            return _indexed(column)
        if kind in "iu":
            return Targets(column, column)
        if kind == "b" or (kind == "f" and _holds_float_labels(column, models)):
            return _indexed(column)
        return Targets(array)
    return Targets(array, array.argmax(axis=1)) if _is_one_hot(array) else Targets(array)


def classifies(model: Any) -> bool | None:
    """Whether a model learns classes; None if it does not tell."""
    if isinstance(model, Model):
        loss = model.get_compile_config().get("loss")
        if not isinstance(loss, dict) or "class_name" not in loss:
            return None
        return losses.get(loss).target != "values"
    kind = getattr(model, "_estimator_type", None)
    if kind is None and hasattr(model, "__sklearn_tags__"):
        kind = model.__sklearn_tags__().estimator_type
    return None if kind is None else kind == "classifier"


def _holds_float_labels(column: Any, models: Iterable[Any]) -> bool:
    if not np.isfinite(column).all() or (column != np.floor(column)).any():
        return False
    told = [found for found in map(classifies, models) if found is not None]
    return any(told) if told else len(np.unique(column)) <= _MAX_FLOAT_CLASSES


def _indexed(column: Any) -> Targets:
    if column.dtype.kind == "O":
        kinds = {type(each) for each in column}
        if len(kinds) > 1 or not kinds <= {str, bytes, bool, int}:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise TypeError(f"y: expected labels of one kind without missing values, got {names}")
    indices = np.unique(column, return_inverse=True)[1].reshape(-1)
    return Targets(indices, indices)


def _is_one_hot(array: Any) -> bool:
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return False
    return bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())
