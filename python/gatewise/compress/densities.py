"""Distribution of the kept weights of a model over its kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from gatewise._core import Doubles, Indices
    from gatewise.compress.kernels import Kernel

DISTRIBUTIONS = ("erdos_renyi", "uniform")


def check_density(density: object) -> float:
    """Checks a density in (0, 1]; raises TypeError or ValueError otherwise."""
    share = check_number("density", density, 0, 1)
    if share == 0:
        raise ValueError(f"density: expected a number above 0, got {density!r}")
    return share


def check_distribution(distribution: str) -> str:
    """Checks that the name is one of `DISTRIBUTIONS`; raises ValueError otherwise."""
    if distribution not in DISTRIBUTIONS:
        raise ValueError(
            f"distribution: expected one of {', '.join(DISTRIBUTIONS)}, got {distribution!r}"
        )
    return distribution


def kept_counts(kernels: Sequence[Kernel], density: float, distribution: str) -> list[Indices]:
    """Count of weights that each expert of each kernel keeps; `round(density N)` of N in total.

    Raises
    ------
    ValueError
        An expert would keep no weight.
    """
    shares = _densities(kernels, density, distribution)
    slices = [(kernel, share) for kernel, share in zip(kernels, shares, strict=True)]
    exact = np.concatenate(
        [np.full(each.shape[0], share * each.size / each.shape[0]) for each, share in slices]
    )
    counts = np.floor(exact + 1e-9).astype(np.int64)
    missing = round(density * sum(kernel.size for kernel in kernels)) - int(counts.sum())
    # Distribute the remainder of rounding down to the experts with the largest fraction lost.
    counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    if counts.min() < 1:
        raise ValueError(f"density: expected at least one weight in every kernel, got {density}")
    ends = np.cumsum([kernel.shape[0] for kernel in kernels])
    return np.split(counts, ends[:-1])


def _densities(kernels: Sequence[Kernel], density: float, distribution: str) -> Doubles:
    """Fraction of the weights of each kernel that is kept."""
    if distribution == "uniform":
        return np.full(len(kernels), density)
    sizes = np.array([kernel.size for kernel in kernels], np.float64)
    ratios = np.array([(d + u) / (d * u) for _, d, u in (kernel.shape for kernel in kernels)])
    full = np.zeros(len(kernels), np.bool_)
    # Kernels whose density would exceed 1 get density 1; the others share the remaining weights.
    while not full.all():
        left = density * sizes.sum() - sizes[full].sum()
        epsilon = left / (sizes * ratios)[~full].sum()
        exceeds_one = ~full & (epsilon * ratios > 1)
        if not exceeds_one.any():
            break
        full |= exceeds_one
    return np.where(full, 1.0, epsilon * ratios)
