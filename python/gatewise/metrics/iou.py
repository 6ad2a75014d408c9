"""Intersection over union of the rows of classes, from their confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gatewise.losses.arrays import to_floats, to_numbers
from gatewise.metrics.base import Array, Metric, registry
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_integer, check_number

_EPSILON = 1e-7
"""Keras' epsilon, added to divisors."""
_ABSENT = 1e-9
"""A class whose union is not above it is absent, as in Keras."""


@registry.register("io_u")
class IoU(Metric):
    """Mean intersection over union of some classes: `tp / (tp + fp + fn)` of each.

    A class of no rows does not count. Rows whose target or prediction is no class are left out.

    Parameters
    ----------
    num_classes : int
        Classes are 0 to `num_classes - 1`.
    target_class_ids : sequence of int
        The classes that the mean is over.
    name : str, default "io_u"
        Name of the metric.
    dtype
        Only None.
    ignore_class : int, optional
        Rows of this target are left out; it need not be a class.
    sparse_y_true, sparse_y_pred : bool, default True
        Whether targets, and predictions, are class indices; if not, the index of the largest value
        along `axis` is the class.
    axis : int, default -1
        The axis of classes.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Notes
    -----
    Weights are counted as they are given. Keras does so with `dtype="float32"`, and without it
    truncates them to integers.

    References
    ----------
    Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.1.

    Examples
    --------
    >>> import gatewise as gw
    >>> metric = gw.metrics.IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: object = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.num_classes = check_integer("num_classes", num_classes, 1)
        self.target_class_ids = [check_integer("target_class_ids", k, 0) for k in target_class_ids]
        if not self.target_class_ids or max(self.target_class_ids) >= self.num_classes:
            raise ValueError(
                f"target_class_ids: expected classes from 0 to {self.num_classes - 1}, got "
                f"{target_class_ids!r}"
            )
        if ignore_class is not None:
            ignore_class = check_integer("ignore_class", ignore_class, -(2**31))  # of int32
        self.ignore_class = ignore_class
        self.sparse_y_true = check_flag("sparse_y_true", sparse_y_true)
        self.sparse_y_pred = check_flag("sparse_y_pred", sparse_y_pred)
        self.axis = check_integer("axis", axis, -64)  # the axes that an array can have
        self.total_cm = self.add_variable((self.num_classes, self.num_classes))

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds the rows of a batch.

        Parameters
        ----------
        y_true, y_pred : array (n, ...), or (n, ..., num_classes)
            Class indices, of which fractions are cut off; or values of classes.
        sample_weight : array (n, ...), optional
            Weights of samples or rows.
        """
        expected = self._classes_of(to_numbers(y_true, "y_true"), self.sparse_y_true)
        outputs = self._classes_of(to_numbers(y_pred, "y_pred"), self.sparse_y_pred)
        if expected.size != outputs.size:
            raise ValueError(
                f"{type(self).__name__}: expected as many classes in y_true and y_pred, got shapes "
                f"{expected.shape} and {outputs.shape}"
            )
        weights = _weights_of(sample_weight, expected.shape)
        expected, outputs = expected.ravel(), outputs.ravel()
        counted = (np.minimum(expected, outputs) >= 0) & (
            np.maximum(expected, outputs) < self.num_classes
        )
        if self.ignore_class is not None:
            counted &= expected != self.ignore_class
        cells = expected[counted] * self.num_classes + outputs[counted]
        counts = np.bincount(cells, weights[counted], self.num_classes**2)
        self.total_cm.assign_add(counts.reshape(self.total_cm.shape))

    def _classes_of(self, values: Array, are_indices: bool) -> Any:
        """Class indices as int64; what is no number is no class."""
        if are_indices:
            if values.dtype.kind == "f":
                values = np.clip(np.nan_to_num(values, nan=-1.0), -1, self.num_classes)
            return values.astype(np.int64)
        if not -values.ndim <= self.axis < values.ndim:
            raise ValueError(f"axis: expected one of values {values.shape}, got {self.axis}")
        return np.argmax(values, axis=self.axis)

    def result(self) -> np.float64:
        """The mean; 0 of no rows."""
        matrix = np.asarray(self.total_cm)
        shared = matrix.diagonal()
        union = (matrix.sum(axis=0) + matrix.sum(axis=1) - shared)[self.target_class_ids]
        is_present = union > _ABSENT
        each = np.where(is_present, shared[self.target_class_ids] / (union + _EPSILON), 0.0)
        return np.float64(each.sum() / (is_present.sum() + _EPSILON))

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _settings(self, *left_out: str) -> Config:
        settings = IoU.own_settings(self)
        return {key: value for key, value in settings.items() if key not in left_out}


def _weights_of(sample_weight: object, shape: tuple[int, ...]) -> Array:
    """The weight of each row (r,) of classes of a shape; a sample's is that of all its rows."""
    if sample_weight is None:
        return np.ones(math.prod(shape))
    weights = to_floats(sample_weight, "sample_weight").astype(np.float64)
    if weights.size != math.prod(shape):
        weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
        try:
            weights = np.broadcast_to(weights, shape)
        except ValueError:
            raise ValueError(
                f"sample_weight: expected weights of classes of shape {shape}, got {weights.shape}"
            ) from None
    return weights.ravel()


@registry.register("binary_io_u")
class BinaryIoU(IoU):
    """Mean intersection over union of two classes, from one output per row.

    Parameters
    ----------
    target_class_ids : sequence of int, default (0, 1)
        The classes that the mean is over.
    threshold : float, default 0.5
        An output that is not below it is predicted 1; 0 for logits.
    name : str, default "binary_io_u"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> import gatewise as gw
    >>> metric = gw.metrics.BinaryIoU(threshold=0.3)
    >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = check_number("threshold", threshold, -math.inf)

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds targets, 0 or 1, and outputs (n, ...), and weights of samples or rows."""
        predicted = to_floats(y_pred, "y_pred") >= np.float32(self.threshold)
        super().update_state(y_true, predicted, sample_weight)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"target_class_ids": self.target_class_ids, "threshold": self.threshold}


@registry.register("mean_io_u")
class MeanIoU(IoU):
    """Mean intersection over union of all classes.

    Parameters
    ----------
    num_classes : int
        Classes are 0 to `num_classes - 1`.
    name : str, default "mean_io_u"
        Name of the metric.
    dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        See `IoU`.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: object = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        num_classes = check_integer("num_classes", num_classes, 1)
        others: Any = (ignore_class, sparse_y_true, sparse_y_pred, axis)
        super().__init__(num_classes, range(num_classes), name, dtype, *others)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return self._settings("target_class_ids")


@registry.register("one_hot_io_u")
class OneHotIoU(IoU):
    """Mean intersection over union of some classes, of one-hot targets and values of classes.

    Parameters
    ----------
    num_classes : int
        Classes are 0 to `num_classes - 1`.
    target_class_ids : sequence of int
        The classes that the mean is over.
    name : str, default "one_hot_io_u"
        Name of the metric.
    dtype, ignore_class, axis
        See `IoU`.
    sparse_y_pred : bool, default False
        Whether predictions are class indices.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.
    """

    target = "values"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: object = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        others: Any = (ignore_class, False, sparse_y_pred, axis)
        super().__init__(num_classes, target_class_ids, name, dtype, *others)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return self._settings("sparse_y_true")


@registry.register("one_hot_mean_io_u")
class OneHotMeanIoU(MeanIoU):
    """Mean intersection over union of all classes, of one-hot targets and values of classes.

    Parameters
    ----------
    num_classes : int
        Classes are 0 to `num_classes - 1`.
    name : str, default "one_hot_mean_io_u"
        Name of the metric.
    dtype, ignore_class, axis
        See `IoU`.
    sparse_y_pred : bool, default False
        Whether predictions are class indices.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.
    """

    target = "values"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: object = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return self._settings("target_class_ids", "sparse_y_true")
