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

if TYPE_CHECKING:
    from typing_extensions import Self

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

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Creates an initializer from the result of `get_config`.

        Keras' settings `input_axes` and `output_axes` may be there too, as None.
        """
        unset = {key for key in ("input_axes", "output_axes") if config.get(key) is None}
        return cls(**{key: value for key, value in config.items() if key not in unset})

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
        `config` is none of these, or `custom_objects` is given, which is not supported.
    """
    return INITIALIZERS.deserialize(config, custom_objects)


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
        return draw_uniform(shape, self.minval, self.maxval, seed, stream)


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
