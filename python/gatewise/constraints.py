"""Constraints on weights.

Layers keep `KeepZeros` after every update. The others, as in Keras, are functions of an array.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults, check_number
from gatewise.utils.public_names import public_names
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Floats

_EPSILON = 1e-7
"""Added to norms before a division; Keras' `epsilon()`."""


class Constraint(Configurable, RefusesUnusedHooks):
    """A property that a kernel has after every update."""

    unused_hooks = hooks(
        "constraints run in the core; a callback can set weights after a batch", "__call__"
    )


CONSTRAINTS: Registry[Constraint] = Registry("constraint", Constraint)


def get(identifier: object, argument: str = "constraint") -> Constraint | None:
    """The constraint given by a name, a configuration or an instance; None returns None."""
    return None if identifier is None else CONSTRAINTS.get(identifier, argument)


def serialize(constraint: Constraint | None) -> Config | None:
    """The configuration from which `get` restores the constraint."""
    return None if constraint is None else CONSTRAINTS.serialize(constraint)


def deserialize(config: object, custom_objects: None = None) -> Constraint | None:
    """The constraint of a configuration that `serialize` returned, or of a name.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `custom_objects` is given, which is not supported.
    """
    check_defaults("deserialize", {"custom_objects": custom_objects}, {"custom_objects": None})
    return get(config)


def get_native(identifier: object, argument: str) -> KeepZeros | None:
    """`get` for a layer, whose core keeps zeros and nothing else.

    Raises
    ------
    TypeError
        If it is another constraint.
    """
    found = get(identifier, argument)
    if found is None or isinstance(found, KeepZeros):
        return found
    raise TypeError(
        f"{argument}: expected KeepZeros() or None, got {found!r}, which layers do not apply in "
        "training; a callback can call it and set weights after a batch"
    )


@CONSTRAINTS.register("keep_zeros")
@dataclass(frozen=True, eq=False, repr=False)
class KeepZeros(Constraint):
    """`w <- 0` wherever w was exactly 0 before the update: training on a fixed mask.

    The gradient of such a weight is treated as 0, in optimizer moments and in clipping norms. The
    mask needs no memory. With an L1 penalty, a weight that becomes 0 stays 0.

    References
    ----------
    Mocanu et al. 2018, "Scalable training of artificial neural networks with adaptive sparse
    connectivity inspired by network science", section 2 (there the topology is fixed
    between its changes).
    """


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

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "KeepZeros",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


def __dir__() -> list[str]:
    return public_names(globals())
