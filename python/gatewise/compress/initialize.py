"""Sparse initialization: random masks of weights that stay zero in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise import _core
from gatewise.compress.densities import check_density, check_distribution, kept_counts
from gatewise.compress.kernels import MIN_NORMAL, Kernel, LayerChoice, find_kernels, keep_zeros
from gatewise.utils.checks import check_flag, check_integer
from gatewise.utils.random import next_seed
from gatewise.utils.streams import MASKS

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices
    from gatewise.layers import Layer
    from gatewise.models import Model


def initialize_sparse(
    model: Model | Layer,
    density: float,
    distribution: str = "erdos_renyi",
    seed: int | None = None,
    layers: LayerChoice = None,
    rescale: bool = True,
) -> dict[str, float]:
    """Keeps a random subset of each kernel's weights and sets the others to 0 permanently.

    A kernel `(d, u)` keeps the fraction `epsilon (d + u) / (d u)`, at most 1, of its weights. Each
    unit keeps about the same count of inputs at any layer width, so small layers are denser.
    epsilon is such that the whole model keeps `density`. The mask is drawn independently for each
    kernel and each expert. The layers' `kernel_constraint` becomes `KeepZeros`.

    Parameters
    ----------
    model : Model or Layer
        Built; its weights may be initial or trained.
    density : float in (0, 1]
        Fraction of the kernels' weights to keep: exactly `round(density N)` of N.
    distribution : "erdos_renyi" or "uniform"
        The fractions above, or `density` for every kernel.
    seed : int, optional
        Seed of the masks. Default: the seed of the model's weights.
    layers : list of str or Layer, optional
        Layers to make sparse. Default: all that have kernels. Routers have none.
    rescale : bool
        If True, the kept weights are multiplied by `1 / sqrt(fraction of the kernel kept)`, so
        that pre-activations keep the variance that the initializer intends.

    Returns
    -------
    dict of str to float
        The fraction that each layer keeps, by name.

    Raises
    ------
    ValueError
        The model is not built or is quantized, a number is out of range, a name is unknown, or a
        kernel would keep no weight. The model is then unchanged.
    TypeError
        An argument has another type.

    Notes
    -----
    A kept weight that is exactly 0 is set to the smallest normal float32; otherwise it would count
    as dropped. Biases and routers are not changed.

    References
    ----------
    Mocanu et al. 2018, "Scalable training of artificial neural networks with adaptive sparse
    connectivity inspired by network science", equation 3 (Erdős-Rényi). Evci et al. 2020, "Rigging
    the lottery: making all tickets winners", section 3 (epsilon from the density of the model).

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
    rescale = check_flag("rescale", rescale)
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
    """Keeps a random subset of `counts` weights of each expert of each kernel."""
    stream = MASKS.first
    for kernel, own in zip(kernels, counts, strict=True):
        weights = kernel.read()
        for expert, count in zip(weights, own, strict=True):
            _mask_weights(expert, _core.permutation(seed, stream, expert.size)[:count], rescale)
            stream += 1
        kernel.write(weights)
    keep_zeros(kernels)


def _mask_weights(weights: Floats, kept: Indices, rescale: bool) -> None:
    """Sets the weights (d, u) to zero in place, except those at the flat indices `kept`."""
    values = weights.reshape(-1)
    factor = np.float32((weights.size / len(kept)) ** 0.5 if rescale else 1)
    kept_values = values[kept] * factor
    values[:] = 0
    values[kept] = np.where(kept_values == 0, MIN_NORMAL, kept_values)


def _seed_of(kernel: Kernel) -> int:
    stream = kernel.layer.random_stream
    return next_seed() if stream is None else stream[0]
