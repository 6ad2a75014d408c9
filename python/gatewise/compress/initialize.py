"""First weights most of which are zero, and stay so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise import _core
from gatewise.compress.densities import check_density, check_distribution, kept_counts
from gatewise.compress.kernels import MIN_NORMAL, Kernel, LayerChoice, find_kernels, keep_zeros
from gatewise.utils.checks import check_flag, check_integer
from gatewise.utils.random import next_seed

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices
    from gatewise.layers import Layer
    from gatewise.models import Model

_MASK_STREAM = 1 << 61
"""Beyond the streams of first weights, shuffles and training."""


def initialize_sparse(
    model: Model | Layer,
    density: float,
    distribution: str = "erdos_renyi",
    seed: int | None = None,
    layers: LayerChoice = None,
    rescale: bool = True,
) -> dict[str, float]:
    """Keeps a random part of each kernel's weights, and makes the others 0 for good.

    A kernel `(d, u)` keeps the share `epsilon (d + u) / (d u)`, at most 1, of its weights:
    each unit about as many inputs, however wide the layer, so that small layers are denser. epsilon
    is such that the model keeps `density` in all. Which ones is drawn for each kernel, and for each
    expert, on its own. The layers' `kernel_constraint` becomes `KeepZeros`.

    Parameters
    ----------
    model : Model or Layer
        Built; its weights may be the first ones or trained.
    density : float in (0, 1]
        Share of the kernels' weights that stay: `round(density N)` of N, exactly.
    distribution : "erdos_renyi" or "uniform"
        The shares above, or `density` for every kernel.
    seed : int, optional
        Which random numbers; the seed of the model's own weights unless given.
    layers : list of str or Layer, optional
        Of these layers alone; all that have kernels unless given. Routers have none.
    rescale : bool
        Whether weights that stay are multiplied by `1 / sqrt(share of the kernel kept)`, so that
        the variance of what a unit sums up stays what the initializer made it.

    Returns
    -------
    dict of str to float
        The share that each layer keeps, by name.

    Raises
    ------
    ValueError
        The model is not built or is quantized, a number is out of range, a name is unknown, or a
        kernel would keep no weight. The model is then as it was.
    TypeError
        An argument is of another type.

    Notes
    -----
    A weight that stays and is exactly 0 starts at the smallest normal float32 instead, or it would
    count as dropped. Biases and routers are left alone.

    References
    ----------
    Mocanu et al. 2018, "Scalable training of artificial neural networks with adaptive sparse
    connectivity inspired by network science", equation 3 (Erdős-Rényi). Evci et al. 2020, "Rigging
    the lottery: making all tickets winners", section 3 (epsilon from a density of the whole).

    Examples
    --------
    >>> import gatewise as gw
    >>> model = gw.Sequential([gw.Input(shape=(784,)), gw.layers.Dense(64, name="hidden"),
    ...                        gw.layers.Dense(10, name="out")])
    >>> gw.compress.initialize_sparse(model, 0.1)
    {'hidden': 0.09315..., 'out': 0.6375}
    """
    density, distribution = check_density(density), check_distribution(distribution)
    seed = None if seed is None else check_integer("seed", seed, 0)
    check_flag("rescale", rescale)
    kernels = find_kernels(model, layers)
    counts = kept_counts(kernels, density, distribution)
    draw_masks(kernels, counts, _seed_of(kernels[0]) if seed is None else seed, rescale)
    kept: dict[str, list[int]] = {}
    for kernel, own in zip(kernels, counts, strict=True):
        total = kept.setdefault(kernel.layer.name, [0, 0])
        total[0] += int(own.sum())
        total[1] += kernel.size
    return {name: count / size for name, (count, size) in kept.items()}


def draw_masks(kernels: list[Kernel], counts: list[Indices], seed: int, rescale: bool) -> None:
    """Keeps so many weights of each expert of each kernel, drawn at random."""
    stream = _MASK_STREAM
    for kernel, own in zip(kernels, counts, strict=True):
        weights = kernel.read()
        for expert, count in zip(weights, own, strict=True):
            _mask_weights(expert, _core.permutation(seed, stream, expert.size)[:count], rescale)
            stream += 1
        kernel.write(weights)
    keep_zeros(kernels)


def _mask_weights(weights: Floats, kept: Indices, rescale: bool) -> None:
    """Makes all of the weights (d, u) zero but those at the places `kept`."""
    values = weights.reshape(-1)
    factor = np.float32((weights.size / len(kept)) ** 0.5 if rescale else 1)
    kept_values = values[kept] * factor
    values[:] = 0
    values[kept] = np.where(kept_values == 0, MIN_NORMAL, kept_values)


def _seed_of(kernel: Kernel) -> int:
    stream = kernel.layer.random_stream
    return next_seed() if stream is None else stream[0]
