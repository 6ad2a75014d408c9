"""Initializers of whole matrices: identity and orthogonal."""

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
)
from gatewise.utils.checks import check_number
from gatewise.utils.streams import slice_stream

if TYPE_CHECKING:
    from gatewise._core import Floats


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


# Second names that Keras has.
IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
