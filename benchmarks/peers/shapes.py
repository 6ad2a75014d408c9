"""The compared expert layers: shapes, initial weights, data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

FEW_ROWS = 32
# Last-level cache of a large server processor; workloads of few rows read eight times as much.
LAST_CACHE_BYTES = 32 << 20
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Shape:
    """A top-k layer of E MLP experts d-h-d with n rows."""

    n: int
    d: int
    h: int
    E: int
    k: int

    @property
    def name(self) -> str:
        return f"n={self.n} d={self.d} h={self.h} E={self.E} k={self.k}"

    @property
    def few(self) -> bool:
        """Whether the time is bound by reading weights, not by arithmetic."""
        return self.n <= FEW_ROWS

    @property
    def served(self) -> bool:
        """Whether this is a large model with few rows per call, as in serving."""
        return self.n <= 8 and self.E * self.expert_parameters * FLOAT_BYTES > 8 * LAST_CACHE_BYTES

    @property
    def expert_parameters(self) -> int:
        """Parameters of the two kernels of one expert."""
        return 2 * self.d * self.h

    @property
    def forward_flops(self) -> float:
        """Flops of a forward pass: 2 n k (parameters of an expert) + 2 n d E of the router."""
        return 2.0 * self.n * (self.k * self.expert_parameters + self.d * self.E)

    @property
    def batches(self) -> int:
        """Count of batches in the cycle; with few rows they read 8 last-level caches of weights."""
        if not self.few:
            return 1
        touched = min(self.E, self.n * self.k) * self.expert_parameters * FLOAT_BYTES
        return max(64, -(-8 * LAST_CACHE_BYTES // touched))


FORWARD = (
    Shape(4096, 256, 512, 16, 2),
    Shape(2048, 512, 1024, 32, 2),
    Shape(4096, 256, 256, 128, 4),
    Shape(32, 256, 512, 16, 2),
    Shape(1, 1024, 2048, 32, 4),
    Shape(8, 1024, 2048, 32, 4),
)
STEP = FORWARD[:4]
# For a comparison of training steps in float32 and mixed_bfloat16.
PRECISION = tuple(Shape(n, 1024, 512, 32, 8) for n in (64, 512))
# For a comparison of storage types: few, some and many rows of a layer of a language model's size.
STORAGE = tuple(Shape(n, 2048, 1024, 16, 4) for n in (1, 64, 2048))


def make_data(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets `(batches, n, d)`."""
    random = np.random.default_rng(0)
    size = (shape.batches, shape.n, shape.d)
    x = random.standard_normal(size, dtype=np.float32)
    return x, random.standard_normal(size, dtype=np.float32)


def make_weights(shape: Shape) -> dict[str, Any]:
    """Kernels `(d, E)`, `(E, d, h)`, `(E, h, d)` and biases `(E, h)`, `(E, d)`."""
    random = np.random.default_rng(1)

    def normal(*size: int) -> np.ndarray:
        values = random.standard_normal(size, dtype=np.float32)
        values *= size[-2] ** -0.5
        return values

    d, h, E = shape.d, shape.h, shape.E
    return {
        "router": normal(d, E),
        "kernel_in": normal(E, d, h),
        "bias_in": 0.1 * random.standard_normal((E, h), dtype=np.float32),
        "kernel_out": normal(E, h, d),
        "bias_out": 0.1 * random.standard_normal((E, d), dtype=np.float32),
    }


def touched_bytes(shape: Shape) -> float:
    """Bytes of the chosen experts' kernels, mean over the batches."""
    x, router = make_data(shape)[0], make_weights(shape)["router"]
    chosen = np.argpartition(x @ router, -shape.k, axis=-1)[..., -shape.k :]
    counts = [len(np.unique(batch)) for batch in chosen]
    return float(np.mean(counts)) * shape.expert_parameters * FLOAT_BYTES
