"""Keras' constraints, as functions of an array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise.constraints.base import CONSTRAINTS, Constraint
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Floats

_EPSILON = 1e-7
"""Added to norms before a division; Keras' `epsilon()`."""


class ArrayConstraint(Constraint, ABC):
    """A function of an array; layers do not apply it."""

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


class _NormConstraint(ArrayConstraint):
    """A bound on norms along some axes."""

    axis: int | Sequence[int] = 0

    def __post_init__(self) -> None:
        axes = self.axis if isinstance(self.axis, list | tuple) else (self.axis,)
        if not axes or any(isinstance(each, bool) or not isinstance(each, int) for each in axes):
            raise TypeError(f"axis: expected an int or several, got {self.axis!r}")
        if isinstance(self.axis, list):
            object.__setattr__(self, "axis", tuple(self.axis))

    def __call__(self, w: npt.ArrayLike) -> Floats:
        array = np.asarray(w, np.float32)
        axes = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        norms = np.sqrt(np.square(array).sum(axis=axes, keepdims=True))
        result: Floats = array * (self._bounded(norms) / (np.float32(_EPSILON) + norms))
        return result

    @abstractmethod
    def _bounded(self, norms: Floats) -> Floats:
        """The norms that these become."""


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

    def _bounded(self, norms: Floats) -> Floats:
        return np.ones_like(norms)


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

    def _bounded(self, norms: Floats) -> Floats:
        result: Floats = np.clip(norms, 0, np.float32(self.max_value))
        return result


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

    def _bounded(self, norms: Floats) -> Floats:
        clipped = np.clip(norms, np.float32(self.min_value), np.float32(self.max_value))
        rate = np.float32(self.rate)
        result: Floats = rate * clipped + (1 - rate) * norms
        return result


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
