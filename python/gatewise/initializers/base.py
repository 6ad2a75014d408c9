"""The base class of initializers, and those that do not depend on the widths of a layer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise import _core
from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults, check_number
from gatewise.utils.random import next_seed
from gatewise.utils.streams import slice_stream

if TYPE_CHECKING:
    from gatewise._core import Floats

Shape = tuple[int, ...]


class Initializer(Configurable, ABC):
    """Computes initial values of an array. Subclasses are dataclasses that implement `_draw`."""

    def __call__(
        self,
        shape: Shape,
        fan_in: int | None = None,
        fan_out: int | None = None,
        seed: int | None = None,
        stream: int = 0,
        dtype: object = None,
    ) -> Floats:
        """The initial values.

        Parameters
        ----------
        shape : tuple of int
            `(d, u)` for a matrix; leading axes index experts.
        fan_in, fan_out : int, optional
            Inputs and outputs of one expert's matrix; by default the sizes of the last two axes.
        seed, stream : int, optional
            Select the random numbers. The initializer's own seed overrides `seed`; without either,
            the seed comes from `gw.utils.set_random_seed` or the system.
        dtype : None or "float32"
            Weights are float32.

        Returns
        -------
        ndarray of `shape`, float32

        Raises
        ------
        TypeError
            Another dtype.
        """
        check_defaults(type(self).__name__, {"dtype": dtype}, {"dtype": None})
        shape = tuple(shape)
        own_seed: int | None = getattr(self, "seed", None)
        if own_seed is not None:
            seed = own_seed
        if seed is None:
            seed = next_seed()
        fan_in = fan_in if fan_in is not None else (shape or (1,))[-2:][0]
        fan_out = fan_out if fan_out is not None else (shape or (1,))[-1]
        return self._draw(shape, fan_in, fan_out, seed, stream)

    @abstractmethod
    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        """The values, with all arguments resolved."""


INITIALIZERS: Registry[Initializer] = Registry("initializer", Initializer)  # type: ignore[type-abstract]


def get(identifier: object, argument: str = "initializer") -> Initializer:
    """The initializer given by a name, a configuration or an instance."""
    return INITIALIZERS.get(identifier, argument)


def serialize(initializer: Initializer) -> Config:
    """The configuration from which `get` restores the initializer."""
    return INITIALIZERS.serialize(initializer)


def deserialize(config: object, custom_objects: None = None) -> Initializer:
    """The initializer of a configuration that `serialize` returned, or of a name.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `custom_objects` is given, which is not supported.
    """
    check_defaults("deserialize", {"custom_objects": custom_objects}, {"custom_objects": None})
    return get(config)


@INITIALIZERS.register("constant")
@dataclass(frozen=True, eq=False, repr=False)
class Constant(Initializer):
    """Every element is `value`."""

    value: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", check_number("value", self.value, -math.inf))

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return np.full(shape, self.value, np.float32)


@INITIALIZERS.register("zeros", "zero")
@dataclass(frozen=True, eq=False, repr=False)
class Zeros(Initializer):
    """Every element is 0."""

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return np.zeros(shape, np.float32)


@INITIALIZERS.register("ones", "one")
@dataclass(frozen=True, eq=False, repr=False)
class Ones(Initializer):
    """Every element is 1."""

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return np.ones(shape, np.float32)


@INITIALIZERS.register("identity", "identity_initializer", "IdentityInitializer")
@dataclass(frozen=True, eq=False, repr=False)
class Identity(Initializer):
    """`gain` times the identity matrix; of a matrix that is not square, ones on its diagonal."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", check_number("gain", self.gain, -math.inf))

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        if len(shape) < 2:
            raise ValueError(f"shape: identity: expected at least two axes, got {shape}")
        single: Floats = np.eye(*shape[-2:], dtype=np.float32) * np.float32(self.gain)
        return np.broadcast_to(single, shape).copy()


@INITIALIZERS.register("random_uniform", "uniform")
@dataclass(frozen=True, eq=False, repr=False)
class RandomUniform(Initializer):
    """Uniform on [minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.minval > self.maxval:
            raise ValueError(f"minval: expected at most maxval ({self.maxval}), got {self.minval}")

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return draw_uniform(shape, self.minval, self.maxval, seed, stream)


@INITIALIZERS.register("random_normal", "normal")
@dataclass(frozen=True, eq=False, repr=False)
class RandomNormal(Initializer):
    """Normal with mean `mean` and standard deviation `stddev`."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        check_number("stddev", self.stddev, 0)

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        values = _core.random_normal(seed, stream, math.prod(shape), self.mean, self.stddev)
        return values.reshape(shape)


@INITIALIZERS.register("truncated_normal")
@dataclass(frozen=True, eq=False, repr=False)
class TruncatedNormal(Initializer):
    """Normal with mean `mean` and deviation `stddev`, cut off beyond two of these.

    The standard deviation of what is left is `0.88 stddev`.
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        check_number("mean", self.mean, -math.inf)
        check_number("stddev", self.stddev, 0)

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return draw_truncated_normal(shape, self.mean, self.stddev, seed, stream)


@INITIALIZERS.register("random_signs")
@dataclass(frozen=True, eq=False, repr=False)
class RandomSigns(Initializer):
    """Every element is 1 or -1, each with probability 1/2."""

    seed: int | None = None

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return np.where(draw_uniform(shape, -1.0, 1.0, seed, stream) < 0, -1, 1).astype(np.float32)


@INITIALIZERS.register("orthogonal", "orthogonal_initializer", "OrthogonalInitializer")
@dataclass(frozen=True, eq=False, repr=False)
class Orthogonal(Initializer):
    """A matrix with orthonormal rows or columns (whichever are fewer), times `gain`.

    References
    ----------
    Saxe, McClelland, Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", section 3.
    """

    gain: float = 1.0
    seed: int | None = None

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        if len(shape) < 2:
            raise ValueError(f"shape: orthogonal: expected at least two axes, got {shape}")
        rows, columns = shape[-2:]
        values = np.empty((math.prod(shape[:-2]), rows, columns), np.float32)
        for index in range(len(values)):
            drawn = _core.random_orthogonal(seed, slice_stream(stream, index), rows, columns)
            values[index] = self.gain * drawn.reshape(rows, columns)
        return values.reshape(shape)


def draw_uniform(shape: Shape, low: float, high: float, seed: int, stream: int) -> Floats:
    return _core.random_uniform(seed, stream, math.prod(shape), low, high).reshape(shape)


def draw_truncated_normal(
    shape: Shape, mean: float, stddev: float, seed: int, stream: int
) -> Floats:
    """Normal numbers within two standard deviations of the mean, by the inverse CDF.

    Each value uses exactly one uniform number, as counter-based streams need; rejection sampling
    would use an unknown count.
    """
    from scipy.special import ndtr, ndtri

    low, high = ndtr(-2.0), ndtr(2.0)
    uniform = _core.random_uniform(seed, stream, math.prod(shape), 0.0, 1.0).astype(np.float64)
    values = mean + ndtri(low + uniform * (high - low)) * stddev
    single: Floats = values.astype(np.float32).reshape(shape)
    return single
