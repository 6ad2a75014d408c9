"""Initializers whose variance depends on the widths of a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gatewise import _core
from gatewise.initializers.base import (
    INITIALIZERS,
    Initializer,
    Shape,
    draw_truncated_normal,
    draw_uniform,
)
from gatewise.utils.checks import check_choice, check_number

if TYPE_CHECKING:
    from gatewise._core import Floats

_TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal variable truncated to [-2, 2]."""
_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


def _draw_scaled(
    shape: Shape, variance: float, distribution: str, seed: int, stream: int
) -> Floats:
    """Numbers of mean 0 and this variance."""
    stddev = math.sqrt(variance)
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return draw_uniform(shape, -limit, limit, seed, stream)
    if distribution == "untruncated_normal":
        drawn = _core.random_normal(seed, stream, math.prod(shape), 0.0, stddev)
        return drawn.reshape(shape)
    return draw_truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, seed, stream)


def _fan(mode: str, fan_in: int, fan_out: int) -> float:
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    return max(1.0, fans[mode])


@INITIALIZERS.register("variance_scaling")
@dataclass(frozen=True, eq=False, repr=False)
class VarianceScaling(Initializer):
    """Mean 0 and variance `scale / n`, where n is fan-in, fan-out or their mean.

    Parameters
    ----------
    scale : float, default 1
        Above 0.
    mode : str, default "fan_in"
        `"fan_in"`, `"fan_out"` or `"fan_avg"`.
    distribution : str, default "truncated_normal"
        `"truncated_normal"` (at two standard deviations), `"untruncated_normal"` or `"uniform"`.
    seed : int, optional
        Overrides the seed of the layer.

    Raises
    ------
    ValueError, TypeError
        If a setting is out of range.

    References
    ----------
    He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers", section 2.2.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        if check_number("scale", self.scale, 0) == 0:
            raise ValueError(f"scale: expected a number > 0, got {self.scale!r}")
        check_choice("mode", self.mode, _MODES)
        if self.distribution == "normal":  # Keras' older name
            object.__setattr__(self, "distribution", "truncated_normal")
        check_choice("distribution", self.distribution, _DISTRIBUTIONS)

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        variance = self.scale / _fan(self.mode, fan_in, fan_out)
        return _draw_scaled(shape, variance, self.distribution, seed, stream)


@dataclass(frozen=True, eq=False, repr=False)
class _Scaled(Initializer):
    """`VarianceScaling` whose settings are those of a class."""

    seed: int | None = None

    scale: ClassVar[float]
    mode: ClassVar[str]
    distribution: ClassVar[str]

    def _draw(self, shape: Shape, fan_in: int, fan_out: int, seed: int, stream: int) -> Floats:
        variance = self.scale / _fan(self.mode, fan_in, fan_out)
        return _draw_scaled(shape, variance, self.distribution, seed, stream)


@INITIALIZERS.register("glorot_uniform")
class GlorotUniform(_Scaled):
    """Uniform on [-a, a], `a = sqrt(6 / (fan_in + fan_out))`.

    References
    ----------
    Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16.
    """

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


@INITIALIZERS.register("glorot_normal")
class GlorotNormal(_Scaled):
    """Normal truncated at 2 standard deviations, with variance `2 / (fan_in + fan_out)`.

    References
    ----------
    Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", section 4.2.1.
    """

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


@INITIALIZERS.register("he_uniform")
class HeUniform(_Scaled):
    """Uniform on [-a, a], `a = sqrt(6 / fan_in)`; for relu.

    References
    ----------
    He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers", section 2.2.
    """

    scale, mode, distribution = 2.0, "fan_in", "uniform"


@INITIALIZERS.register("he_normal")
class HeNormal(_Scaled):
    """Normal truncated at 2 standard deviations, with variance `2 / fan_in`; for relu.

    References
    ----------
    He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers", equation 10.
    """

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


@INITIALIZERS.register("lecun_uniform")
class LecunUniform(_Scaled):
    """Uniform on [-a, a], `a = sqrt(3 / fan_in)`.

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp", section 4.6.
    """

    scale, mode, distribution = 1.0, "fan_in", "uniform"


@INITIALIZERS.register("lecun_normal")
class LecunNormal(_Scaled):
    """Normal truncated at 2 standard deviations, with variance `1 / fan_in`; for selu.

    References
    ----------
    LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp", equation 16.
    """

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


@dataclass(frozen=True, eq=False, repr=False)
class ScaledGlorotUniform(GlorotUniform):
    """`GlorotUniform` times a number."""

    scale_by: float = 1.0

    def _draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int
    ) -> Floats:
        values: Floats = super()._draw(shape, fan_in, fan_out, seed, stream) * self.scale_by
        return values.astype("float32")


# Second names that Keras has.
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
variance_scaling = VarianceScaling
