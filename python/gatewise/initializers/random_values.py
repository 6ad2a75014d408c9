"""Initializers of independent random values, normal or of two signs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise import _core
from gatewise.initializers.base import (
    INITIALIZERS,
    Initializer,
    Shape,
    draw_truncated_normal,
    draw_uniform,
)
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from gatewise._core import Floats


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


# Second names that Keras has.
random_normal = RandomNormal
truncated_normal = TruncatedNormal
