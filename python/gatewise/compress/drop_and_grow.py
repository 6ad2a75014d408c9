"""Sparse training with a mask that changes during training (RigL)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import _core
from gatewise.callbacks.base import Logs, State
from gatewise.compress.densities import check_density, check_distribution, kept_counts
from gatewise.compress.initialize import draw_masks
from gatewise.compress.kernels import MIN_NORMAL, LayerChoice, keep_zeros, smallest
from gatewise.compress.scheduled import KernelSchedule
from gatewise.data.take_rows import take_rows
from gatewise.models.gradients import mean_gradients
from gatewise.utils.checks import check_integer, check_number
from gatewise.utils.streams import GRADIENT_ROWS

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices


class DropAndGrow(KernelSchedule):
    """Trains sparse weights with a mask that follows the gradient: RigL.

    Training begins with the masks of `initialize_sparse`. At each mask update, each kernel drops
    the fraction `f(t) = drop_fraction / 2 (1 + cos(pi t / end))` of its weights, the smallest in
    magnitude, and grows as many at the zeros where the gradient of the loss is largest in
    magnitude. The count of nonzero weights of each kernel, and of each expert, stays constant.

    Parameters
    ----------
    density : float in (0, 1], optional
        Fraction of the kernels' weights that are nonzero. If omitted, or if the model already has
        that density, training continues with the zeros of the model.
    drop_fraction : float in [0, 1]
        f at the start.
    frequency : int or float
        Interval of mask updates: an int is steps, a float a fraction of all steps of the `fit`.
    end : int or float
        Step from which the masks are fixed: an int is a step, a float a fraction of all steps.
    distribution : "erdos_renyi" or "uniform"
        See `initialize_sparse`.
    x, y : array (n, ...) or SciPy sparse matrix, and array (n, ...)
        Rows and targets for the gradients: the training data, or a part of them.
    rows : int
        Rows per gradient, drawn at random for each mask update.
    layers : list of str or Layer, optional
        Layers to train sparsely. Default: all that have kernels. Routers have none.
    seed : int, optional
        Seed of the masks and of the drawn rows. Default: that of the model.

    Raises
    ------
    ValueError, TypeError
        A number is out of range, x and y differ in length, or, when training begins, the model is
        not built or is quantized, or has no such layer.

    Notes
    -----
    A grown weight starts at the smallest normal float32 instead of 0 as in the paper, so that it
    counts as trained; its effect on predictions is negligible. Weights just dropped do not grow in
    the same update, unlike in the paper. Weights that became 0 by an L1 penalty or weight decay
    are replaced at the next update. An expert that received none of the drawn rows has no
    gradient, and its mask does not change. The layers' `kernel_constraint` is set to `KeepZeros`
    permanently. A mask update costs a pass over `rows` rows without its update, and a copy of the
    model.

    References
    ----------
    Evci et al. 2020, "Rigging the lottery: making all tickets winners", algorithm 1.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).random((64, 20))
    >>> model = gw.Sequential([gw.layers.Dense(10), gw.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> rigl = gw.compress.DropAndGrow(0.2, frequency=2, x=x, y=x[:, :1])
    >>> history = model.fit(x, x[:, :1], epochs=10, verbose=0, callbacks=[rigl])
    >>> model.count_nonzero() - 11  # but for the biases, of 210
    42
    """

    def __init__(
        self,
        density: float | None = None,
        drop_fraction: float = 0.3,
        frequency: int | float = 0.01,
        end: int | float = 0.75,
        distribution: str = "erdos_renyi",
        *,
        x: Any,
        y: Any,
        rows: int = 1024,
        layers: LayerChoice = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(("begin", 0), ("end", end), frequency, layers)
        self.density = None if density is None else check_density(density)
        self.drop_fraction = check_number("drop_fraction", drop_fraction, 0, 1)
        self.distribution = check_distribution(distribution)
        self.x, self.y = _check_rows(x, y)
        self.rows = min(check_integer("rows", rows, 1), self.x.shape[0])
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        self._counts: list[Indices] = []

    def get_state(self) -> State:
        """The step count so far, and the count of weights of each expert."""
        return {**super().get_state(), "counts": np.concatenate(self._counts)}

    def set_state(self, state: State) -> None:
        """Restores the result of `get_state`."""
        super().set_state(state)
        ends = np.cumsum([kernel.shape[0] for kernel in self._kernels])
        self._counts = np.split(state["counts"], ends[:-1])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Draws the masks, unless the model already has the target counts."""
        super().on_train_begin(logs)
        self._counts = [
            np.count_nonzero(kernel.read(), axis=(1, 2)).astype(np.int64)
            for kernel in self._kernels
        ]
        if self.density is not None:
            target_counts = kept_counts(self._kernels, self.density, self.distribution)
            if not all(map(np.array_equal, target_counts, self._counts)):
                draw_masks(self._kernels, target_counts, self._seed(), rescale=True)
                self._counts = target_counts
        keep_zeros(self._kernels)

    def fraction_at(self, step: int) -> float:
        """f at a step of the current training."""
        done = min(step / self._end, 1)
        return self.drop_fraction / 2 * (1 + math.cos(math.pi * done))

    def _update_kernels(self, step: int) -> None:
        order = _core.permutation(self._seed(), GRADIENT_ROWS.at(step), self.x.shape[0])
        chosen = order[: self.rows]
        # Files are read fastest in ascending order.
        chosen.sort()
        x, y = take_rows(self.x, chosen), take_rows(self.y, chosen)
        gradients = mean_gradients(self.model, x, y)  # type: ignore[arg-type]
        fraction = self.fraction_at(step)
        for kernel, counts in zip(self._kernels, self._counts, strict=True):
            weights = kernel.read()
            kernel_gradients = gradients[kernel.layer.name][kernel.name].reshape(kernel.shape)
            for expert, gradient, count in zip(weights, kernel_gradients, counts, strict=True):
                if gradient.any():
                    move(expert.reshape(-1), gradient.reshape(-1), int(count), fraction)
            kernel.write(weights)

    def _seed(self) -> int:
        if self.seed is not None:
            return self.seed
        assert self.run is not None, "masks are drawn during fit"
        return self.run.seed


def move(weights: Floats, gradient: Floats, count: int, fraction: float) -> None:
    """Drops the `int(fraction * count)` smallest of the weights (d u,) and grows as many others.

    If the count of nonzeros differs from `count`, drops or grows the difference too.
    """
    active, inactive = np.flatnonzero(weights), np.flatnonzero(weights == 0)
    num_dropped = min(int(fraction * count), len(inactive)) + max(0, len(active) - count)
    num_grown = count - (len(active) - num_dropped)
    weights[active[smallest(np.abs(weights[active]), num_dropped)]] = 0
    weights[inactive[smallest(-np.abs(gradient[inactive]), num_grown)]] = MIN_NORMAL


def _check_rows(x: Any, y: Any) -> tuple[Any, Any]:
    """x and y as arrays that can be indexed by rows; x may be CSR."""
    from gatewise.data.convert import to_array
    from gatewise.data.csr import is_sparse, to_csr

    x = to_csr(x, "x") if is_sparse(x) else to_array(x, "x")
    y = to_array(y, "y")
    if x.ndim < 1 or y.ndim < 1 or x.shape[0] != y.shape[0] or x.shape[0] == 0:
        raise ValueError(f"x, y: expected equal row counts, got shapes {x.shape} and {y.shape}")
    return x, y
