"""What one measurement of the scaling benchmark holds."""

from __future__ import annotations

from dataclasses import dataclass

from .machine import Limits
from .peers.shapes import LAST_CACHE_BYTES, Shape

BASE = Shape(4096, 256, 512, 16, 2)
"""The layer that lies on every axis."""


@dataclass(frozen=True)
class Cost:
    """Seconds of a forward pass and of its routing; bytes of the chosen experts' kernels."""

    shape: Shape
    threads: int
    seconds: float
    routing_seconds: float
    touched_bytes: float

    @property
    def experts_seconds(self) -> float:
        return self.seconds - self.routing_seconds

    def arithmetic_seconds(self, limits: Limits) -> float:
        """Minimum seconds of the experts' arithmetic."""
        return 2.0 * self.shape.n * self.shape.k * self.shape.expert_parameters / limits.flops

    def bound_seconds(self, limits: Limits) -> float:
        """Minimum seconds of the experts: the maximum of arithmetic and reading."""
        return max(self.arithmetic_seconds(limits), self.touched_bytes / limits.bytes)

    def min_seconds(self, limits: Limits) -> float:
        """The bound; without reading for kernels up to 8 last-level caches, which may be cached."""
        is_read = self.touched_bytes > 8 * LAST_CACHE_BYTES
        return self.bound_seconds(limits) if is_read else self.arithmetic_seconds(limits)

    def is_possible(self, limits: Limits) -> bool:
        """Whether the experts' time is within the machine's limits."""
        return self.experts_seconds >= self.min_seconds(limits)


def axis_value(letter: str, cost: Cost) -> int:
    """Value of a cost on the axis of that letter."""
    value: int = cost.threads if letter == "threads" else getattr(cost.shape, letter)
    return value
