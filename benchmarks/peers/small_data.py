"""Data and initial weights of the small models."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

ROWS, FEATURES, HIDDEN, CLASSES, BATCH = 4000, 784, 64, 10, 32
EXPERTS, K = 16, 2


def make_data() -> tuple[Floats, npt.NDArray[np.int32]]:
    """Rows `(ROWS, FEATURES)` and their classes."""
    random = np.random.default_rng(0)
    x = random.random((ROWS, FEATURES), dtype=np.float32)
    return x, random.integers(0, CLASSES, ROWS).astype(np.int32)


def make_batches() -> list[tuple[Floats, npt.NDArray[np.int32]]]:
    """The data in batches of `BATCH` rows."""
    x, y = make_data()
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, ROWS, BATCH)]


def make_weights(kind: str) -> dict[str, Floats]:
    """Kernels of the dense model, or of the router and the experts; biases start at 0."""
    random = np.random.default_rng(1)

    def normal(*shape: int) -> Floats:
        values: Floats = random.normal(size=shape).astype(np.float32)
        values /= np.float32(shape[-2] ** 0.5)
        return values

    if kind == "dense":
        return {"first": normal(FEATURES, HIDDEN), "second": normal(HIDDEN, CLASSES)}
    return {"router": normal(FEATURES, EXPERTS), "experts": normal(EXPERTS, FEATURES, CLASSES)}
