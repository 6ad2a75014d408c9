"""Keras' constraints, which are functions of an array too."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise.constraints.base import CONSTRAINTS, Constraint
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise import _core
    from gatewise._core import Floats

_EPSILON = 1e-7
"""Added to norms before a division; Keras' `epsilon()`."""


class ArrayConstraint(Constraint, ABC):
    """A constraint that is a function of an array."""

    @abstractmethod
    def __call__(self, w: npt.ArrayLike) -> Floats:
        """The nearest allowed values, float32."""


@CONSTRAINTS.register("non_neg")
@dataclass(frozen=True, eq=False, repr=False)
class NonNeg(ArrayConstraint):
    """`max(w, 0)`.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.constraints.NonNeg()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: npt.ArrayLike) -> Floats:
        result: Floats = np.maximum(np.asarray(w, np.float32), 0)
        return result

    def apply_in(self, native: _core.Layer, name: str, shape: tuple[int, ...]) -> None:
        native.set_constraint(name, "non_negative", (), 1, True, 0.0, 0.0, 1.0)


class _NormConstraint(ArrayConstraint):
    """A bound on norms along some axes."""

    axis: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        axes = self.axis if isinstance(self.axis, list | tuple) else (self.axis,)
        if not axes or any(isinstance(each, bool) or not isinstance(each, int) for each in axes):
            raise TypeError(f"axis: expected an int or several, got {self.axis!r}")
        if isinstance(self.axis, list):
            object.__setattr__(self, "axis", tuple(self.axis))

    def apply_in(self, native: _core.Layer, name: str, shape: tuple[int, ...]) -> None:
        if not all(-len(shape) <= axis < len(shape) for axis in self._axes):
            raise ValueError(f"axis: expected an axis of weights of shape {shape}, got {self.axis}")
        axes = {axis % len(shape) for axis in self._axes}
        # In the core the last axis is the columns of a matrix, and all others its rows.
        leading = shape[:-1]
        rows = np.arange(math.prod(leading)).reshape(leading)
        summed = sorted(axes - {len(shape) - 1})
        rows = np.moveaxis(rows, summed, range(rows.ndim - len(summed), rows.ndim))
        group_rows = math.prod(leading[axis] for axis in summed)
        by_column = len(shape) - 1 not in axes
        bounds = self._bounds()
        native.set_constraint(name, "norm", rows.ravel().tolist(), group_rows, by_column, *bounds)

    @property
    def _axes(self) -> tuple[int, ...]:
        return (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)

    def __call__(self, w: npt.ArrayLike) -> Floats:
        array = np.asarray(w, np.float32)
        axes = self._axes
        norms = np.sqrt(np.square(array).sum(axis=axes, keepdims=True))
        result: Floats = array * (self._bounded(norms) / (np.float32(_EPSILON) + norms))
        return result

    @abstractmethod
    def _bounds(self) -> tuple[float, float, float]:
        """The least and the largest norm, and the rate at which norms move there."""

    def _bounded(self, norms: Floats) -> Floats:
        least, largest, rate = map(np.float32, self._bounds())
        result: Floats = rate * np.clip(norms, least, largest) + (1 - rate) * norms
        return result


@CONSTRAINTS.register("unit_norm")
@dataclass(frozen=True, eq=False, repr=False)
class UnitNorm(_NormConstraint):
    """`w / ||w||`.

    Parameters
    ----------
    axis : int or sequence of int, default 0
        The axes that a norm is taken over: 0 for the weights of each unit of a `Dense` kernel.

    Raises
    ------
    TypeError
        If it is something else.
    """

    axis: int | Sequence[int] = 0

    def _bounds(self) -> tuple[float, float, float]:
        return 1.0, 1.0, 1.0


@CONSTRAINTS.register("max_norm")
@dataclass(frozen=True, eq=False, repr=False)
class MaxNorm(_NormConstraint):
    """`w min(||w||, max_value) / ||w||`.

    Parameters
    ----------
    max_value : float, default 2
        The largest norm, at least 0.
    axis : int or sequence of int, default 0
        The axes that a norm is taken over.

    Raises
    ------
    ValueError, TypeError
        If a setting is out of range.

    References
    ----------
    Srebro, Shraibman 2005, "Rank, trace-norm and max-norm"; Hinton et al. 2012, "Improving neural
    networks by preventing co-adaptation of feature detectors", appendix A.1.
    """

    max_value: float = 2
    axis: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("max_value", self.max_value, 0)

    def _bounds(self) -> tuple[float, float, float]:
        return 0.0, float(self.max_value), 1.0


@CONSTRAINTS.register("min_max_norm")
@dataclass(frozen=True, eq=False, repr=False)
class MinMaxNorm(_NormConstraint):
    """`w n / ||w||`, where `n = rate clip(||w||, min_value, max_value) + (1 - rate) ||w||`.

    Parameters
    ----------
    min_value, max_value : float, default 0 and 1
        The bounds of a norm, at least 0.
    rate : float, default 1
        In [0, 1]: 1 enforces the bounds, less moves towards them.
    axis : int or sequence of int, default 0
        The axes that a norm is taken over.

    Raises
    ------
    ValueError, TypeError
        If a setting is out of range.
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("min_value", self.min_value, 0)
        check_number("max_value", self.max_value, self.min_value)
        check_number("rate", self.rate, 0, 1)

    def _bounds(self) -> tuple[float, float, float]:
        return self.min_value, self.max_value, self.rate


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
