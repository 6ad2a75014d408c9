"""Initial values of kernels and biases.

Fan-in and fan-out are those of one expert, so 16 experts are initialised like 16 separate layers.
The random numbers are counter-based: they depend on seed and stream, not on the order in which
layers are created.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gatewise import _core
from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_number
from gatewise.utils.public_names import public_names
from gatewise.utils.random import next_seed
from gatewise.utils.streams import slice_stream

if TYPE_CHECKING:
    from gatewise._core import Floats

Shape = tuple[int, ...]

_TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal variable truncated to [-2, 2]."""


class Initializer(Configurable, ABC):
    """Computes initial values of an array. Subclasses are dataclasses that implement `_draw`."""

    def __call__(
        self,
        shape: Shape,
        fan_in: int | None = None,
        fan_out: int | None = None,
        seed: int | None = None,
        stream: int = 0,
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

        Returns
        -------
        ndarray of `shape`, float32
        """
        own_seed: int | None = getattr(self, "seed", None)
        if own_seed is not None:
            seed = own_seed
        if seed is None:
            seed = next_seed()
        fan_in = fan_in if fan_in is not None else shape[-2:][0]
        fan_out = fan_out if fan_out is not None else shape[-1]
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
        return _uniform(shape, self.minval, self.maxval, seed, stream)


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


@INITIALIZERS.register("random_signs")
@dataclass(frozen=True, eq=False, repr=False)
class RandomSigns(Initializer):
    """Every element is 1 or -1, each with probability 1/2."""

    seed: int | None = None

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        return np.where(_uniform(shape, -1.0, 1.0, seed, stream) < 0, -1, 1).astype(np.float32)


@INITIALIZERS.register("orthogonal")
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


@dataclass(frozen=True, eq=False, repr=False)
class _VarianceScaling(Initializer):
    """Mean 0 and variance `scale / n`, where n is fan-in or the mean of fan-in and fan-out."""

    seed: int | None = None

    scale: ClassVar[float]
    mode: ClassVar[str]
    distribution: ClassVar[str]

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        fan = fan_in if self.mode == "fan_in" else (fan_in + fan_out) / 2
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _uniform(shape, -limit, limit, seed, stream)
        return _truncated_normal(shape, math.sqrt(variance), seed, stream)


@INITIALIZERS.register("glorot_uniform")
class GlorotUniform(_VarianceScaling):
    """Uniform on [-a, a], `a = sqrt(6 / (fan_in + fan_out))`.

    References
    ----------
    Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16.
    """

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


@INITIALIZERS.register("glorot_normal")
class GlorotNormal(_VarianceScaling):
    """Normal truncated at 2 standard deviations, with variance `2 / (fan_in + fan_out)`.

    References
    ----------
    Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", section 4.2.1.
    """

    scale, mode, distribution = 1.0, "fan_avg", "normal"


@INITIALIZERS.register("he_uniform")
class HeUniform(_VarianceScaling):
    """Uniform on [-a, a], `a = sqrt(6 / fan_in)`; for relu.

    References
    ----------
    He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers", section 2.2.
    """

    scale, mode, distribution = 2.0, "fan_in", "uniform"


@INITIALIZERS.register("he_normal")
class HeNormal(_VarianceScaling):
    """Normal truncated at 2 standard deviations, with variance `2 / fan_in`; for relu.

    References
    ----------
    He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers", equation 10.
    """

    scale, mode, distribution = 2.0, "fan_in", "normal"


@INITIALIZERS.register("lecun_uniform")
class LecunUniform(_VarianceScaling):
    """Uniform on [-a, a], `a = sqrt(3 / fan_in)`.

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp", section 4.6.
    """

    scale, mode, distribution = 1.0, "fan_in", "uniform"


@INITIALIZERS.register("lecun_normal")
class LecunNormal(_VarianceScaling):
    """Normal truncated at 2 standard deviations, with variance `1 / fan_in`; for selu.

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp", equation 16.
    """

    scale, mode, distribution = 1.0, "fan_in", "normal"


def _uniform(shape: Shape, low: float, high: float, seed: int, stream: int) -> Floats:
    return _core.random_uniform(seed, stream, math.prod(shape), low, high).reshape(shape)


def _truncated_normal(shape: Shape, stddev: float, seed: int, stream: int) -> Floats:
    """Truncated normal numbers by the inverse CDF.

    Each value uses exactly one uniform number, as counter-based streams need; rejection sampling
    would use an unknown count.
    """
    from scipy.special import ndtr, ndtri

    low, high = ndtr(-2.0), ndtr(2.0)
    uniform = _core.random_uniform(seed, stream, math.prod(shape), 0.0, 1.0).astype(np.float64)
    values = ndtri(low + uniform * (high - low)) * (stddev / _TRUNCATED_STDDEV)
    single: Floats = values.astype(np.float32).reshape(shape)
    return single


def __dir__() -> list[str]:
    return public_names(globals())
