"""Checks and conversion of targets for each loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatewise.data.convert import (
    Array,
    Floats,
    Labels,
    RowIndices,
    Shape,
    check_numeric,
    check_samples,
    describe_shape,
    to_finite,
)
from gatewise.losses import Loss

# Targets that lie between 0 and 1.
_BOUNDED = ("one_hot", "probabilities")


@dataclass(frozen=True, eq=False, repr=False)
class TargetRule:
    """Checks and converts the targets of one output.

    Parameters
    ----------
    loss : Loss
        The output's loss, which names the kind of its target.
    shape : tuple
        The output's shape `(None, ..., units)`; axis 0 is samples.
    """

    loss: Loss
    shape: Shape

    @property
    def are_labels(self) -> bool:
        """True if targets are int32 class indices `(n, ...)`, not float32 `(n, ..., units)`."""
        return self.loss.target == "labels"

    @property
    def classes(self) -> int | None:
        """Count of classes: the output's width, or 2 for one unit of a cross-entropy.

        None for one unit of another loss, whose classes may be any whole numbers.
        """
        units = self.shape[-1]
        assert units is not None
        if units > 1 or self.are_labels:
            return units
        return 2 if self.loss.target in _BOUNDED else None

    def convert(
        self,
        array: Array,
        name: str,
        rows: RowIndices | None = None,
        checked: Floats | None = None,
    ) -> Floats | Labels:
        """Converts targets for the core.

        Parameters
        ----------
        array : ndarray
            The user's array: class indices `(n, ...)` or `(n, ..., 1)` for sparse categorical
            cross-entropy, else values of the output's shape, whose last axis can be omitted if its
            size is 1. For a loss that is a function, values whose last axis has any size, or class
            indices `(n, ...)`.
        name : str
            Argument name for error messages.
        rows : ndarray (n,) of int64 or range, optional
            Row indices for error messages, if `array` is a part of the user's array.
        checked : ndarray, optional
            The values of `array`, converted and checked for NaN already.

        Raises
        ------
        TypeError
            If the dtype is complex, text, date or object.
        ValueError
            For a wrong shape, no samples, NaN or infinity, a label out of range, or a target of a
            cross-entropy outside [0, 1].
        """
        check_numeric(array, name)
        if self.are_labels:
            return self._convert_labels(array, name, rows)
        shape = self.shape
        if self.loss.target == "any":
            if array.ndim == len(shape) - 1 and shape[-1] != 1:
                return self._convert_labels(array, name, rows)
            shape = (*shape[:-1], array.shape[-1] if array.ndim == len(shape) else shape[-1])
        return self._convert_values(array, name, rows, checked, shape)

    @staticmethod
    def rows_of(targets: Floats | Labels) -> tuple[int, ...]:
        """The shape of converted targets without the axis of units: (n,), or (n, t)."""
        return targets.shape if targets.dtype == np.int32 else targets.shape[:-1]

    def class_indices(self, targets: Floats | Labels, name: str) -> Array:
        """The class of each sample `(n,)`, from converted targets.

        They are class indices, rows with one positive target, or for one unit whole numbers.

        Raises
        ------
        ValueError
            If the targets are not classes, or a sample has none or several.
        """
        if targets.ndim != (1 if targets.dtype == np.int32 else 2):
            raise ValueError(
                f"{name}: expected one class per sample, got targets of shape {targets.shape}"
            )
        if targets.dtype == np.int32:
            return targets
        if targets.shape[1] == 1:
            classes = np.rint(targets[:, 0]).astype(np.int64)
            if self.loss.target not in _BOUNDED:
                _require_whole(targets[:, 0], classes, name)
            return classes
        if self.loss.target != "one_hot":
            _require_one_positive(targets, name)
        return np.asarray(targets.argmax(axis=1))

    def _convert_labels(self, array: Array, name: str, rows: RowIndices | None) -> Labels:
        lead = self.shape[:-1]
        if array.ndim == len(lead) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        if not _fits(array, lead):
            hint = ""
            if _fits(array, self.shape):
                hint = "; one-hot targets go with loss='categorical_crossentropy'"
            raise ValueError(
                f"{name}: expected class indices of shape {describe_shape(lead)} for "
                f"{self.loss.kind}, got {array.shape}{hint}"
            )
        check_samples(array.shape[0], name, array.shape)
        if array.dtype.kind == "f":
            _raise_first_invalid(~np.isfinite(array), array, name, "finite numbers", rows)
            _raise_first_invalid(
                array != np.floor(array), array, name, "integer class indices", rows
            )
        assert self.classes is not None
        expected = f"labels from 0 to {self.classes - 1} ({self.classes} classes)"
        # NumPy does not compare bool arrays with integers out of their range: convert to int8.
        labels = array.astype(np.int8) if array.dtype.kind == "b" else array
        if labels.min() < 0 or labels.max() >= self.classes:
            is_invalid = (labels < 0) | (labels >= self.classes)
            ignored = getattr(self.loss, "ignore_class", None)
            if ignored is not None:
                is_invalid &= labels != ignored
                expected += f" or {ignored}, which is ignored"
            _raise_first_invalid(is_invalid, labels, name, expected, rows)
        return np.require(array, np.int32, ["C", "A"])

    def _convert_values(
        self,
        array: Array,
        name: str,
        rows: RowIndices | None,
        checked: Floats | None,
        shape: Shape,
    ) -> Floats:
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., np.newaxis]
        if not _fits(array, shape):
            hint = ""
            if self.loss.target == "one_hot" and array.ndim in (len(shape) - 1, len(shape)):
                hint = "; class indices go with loss='sparse_categorical_crossentropy'"
            raise ValueError(
                f"{name}: expected targets of shape {describe_shape(shape)} for {self.loss.kind}, "
                f"got {array.shape}{hint}"
            )
        check_samples(array.shape[0], name, array.shape)
        converted = to_finite(array, name, rows, checked)
        if self.loss.target in _BOUNDED and (converted.min() < 0 or converted.max() > 1):
            outside = (converted < 0) | (converted > 1)
            _raise_first_invalid(
                outside, array, name, f"targets between 0 and 1 for {self.loss.kind}", rows
            )
        return converted


def _require_whole(targets: Array, classes: Array, name: str) -> None:
    wrong = np.flatnonzero(targets != classes)
    if len(wrong):
        raise ValueError(
            f"{name}: expected whole numbers, the classes of the samples, got "
            f"{targets[wrong[0]]:g} at row {wrong[0]}"
        )


def _require_one_positive(targets: Floats | Labels, name: str) -> None:
    counts = np.count_nonzero(targets > 0, axis=1)
    wrong = np.flatnonzero(counts != 1)
    if len(wrong):
        raise ValueError(
            f"{name}: expected rows with one positive target, so one class; row {wrong[0]} has "
            f"{counts[wrong[0]]}. Weigh rows of several labels with sample_weight"
        )


def _fits(array: Array, shape: Shape) -> bool:
    return array.ndim == len(shape) and all(
        size is None or size == got for size, got in zip(shape, array.shape, strict=True)
    )


def _raise_first_invalid(
    is_invalid: Array, array: Array, name: str, expected: str, rows: RowIndices | None
) -> None:
    """Raises ValueError for the first True element of `is_invalid`, if any."""
    found = np.argwhere(is_invalid)
    if not len(found):
        return
    index = tuple(int(axis) for axis in found[0])
    row = index[0] if rows is None else int(rows[index[0]])
    where = f"row {row}" + "".join(f", column {axis}" for axis in index[1:])
    raise ValueError(f"{name}: expected {expected}, got {array[index]} at {where}")
