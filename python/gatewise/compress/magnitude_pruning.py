"""Magnitude pruning on a schedule."""

from __future__ import annotations

import math

import numpy as np

from gatewise.callbacks.base import Logs, State
from gatewise.compress.kernels import Kernel, LayerChoice, keep_zeros, smallest
from gatewise.compress.scheduled import KernelSchedule
from gatewise.utils.checks import check_number

SCOPES = ("global", "layer")


class MagnitudePruning(KernelSchedule):
    """Sets the smallest weights to 0 during training, up to a final sparsity, and keeps them 0.

    At step t the sparsity becomes `s = final + (initial - final) (1 - (t - begin) / (end -
    begin))^3`: it increases fast at first, while many weights are not needed, and slowly towards
    the end.

    Parameters
    ----------
    final_sparsity : float in [0, 1)
        Fraction of the kernels' weights that are 0 from `end_step` on.
    initial_sparsity : float in [0, final_sparsity]
        Sparsity at `begin_step`.
    begin_step, end_step, frequency : int or float
        First and last step of pruning, and the interval in steps: an int is steps, a float a
        fraction of all steps of the `fit`. After `end_step` the remaining weights train on.
    layers : list of str or Layer, optional
        Layers to prune. Default: all that have kernels. Routers have none.
    scope : "global" or "layer"
        Whether `s` is that of all kernels together, or of each kernel of each layer. The experts
        of one layer are compared with each other in both cases.
    exponent : float
        Exponent of the schedule; 1 prunes linearly.

    Raises
    ------
    ValueError, TypeError
        A number is out of range, or, when training begins, the model is not built or is quantized,
        has no such layer, or `end_step` is not after `begin_step`.

    Notes
    -----
    From the first pruning on, the layers' `kernel_constraint` is `KeepZeros`, in this and later
    trainings; it is saved with the model. Weights that are already 0 count as pruned. The count of
    zeros is exactly `round(s N)` of N weights; of equal weights the first are pruned. With
    `"global"`, a layer whose weights are small by nature may lose nearly all of them. Biases are
    not pruned.

    References
    ----------
    Zhu, Gupta 2017, "To prune, or not to prune: exploring the efficacy of pruning for model
    compression", equation 1.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).random((64, 20))
    >>> model = gw.Sequential([gw.layers.Dense(10), gw.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> pruning = gw.compress.MagnitudePruning(0.9)
    >>> history = model.fit(x, x[:, :1], epochs=10, verbose=0, callbacks=[pruning])
    >>> model.count_nonzero() - 11  # but for the biases, of 210
    21
    """

    def __init__(
        self,
        final_sparsity: float,
        initial_sparsity: float = 0.0,
        begin_step: int | float = 0,
        end_step: int | float = 0.75,
        frequency: int | float = 0.01,
        layers: LayerChoice = None,
        scope: str = "global",
        exponent: float = 3,
    ) -> None:
        super().__init__(("begin_step", begin_step), ("end_step", end_step), frequency, layers)
        self.final_sparsity = check_number("final_sparsity", final_sparsity, 0, 1)
        if self.final_sparsity == 1:
            raise ValueError(f"final_sparsity: expected a number below 1, got {final_sparsity!r}")
        self.initial_sparsity = check_number(
            "initial_sparsity", initial_sparsity, 0, self.final_sparsity
        )
        if scope not in SCOPES:
            raise ValueError(f"scope: expected one of {', '.join(SCOPES)}, got {scope!r}")
        self.scope = scope
        self.exponent = check_number("exponent", exponent, 0)
        self._started = False

    def get_state(self) -> State:
        """The step count so far, and whether pruning has started."""
        return {**super().get_state(), "started": self._started}

    def set_state(self, state: State) -> None:
        """Restores the result of `get_state`."""
        super().set_state(state)
        self._started = bool(state["started"])
        if self._started:
            keep_zeros(self._kernels)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Finds the kernels and the steps of pruning."""
        super().on_train_begin(logs)
        self._started = False

    def sparsity_at(self, step: int) -> float:
        """Sparsity s at a step of the current training."""
        left = 1 - min(max((step - self._begin) / (self._end - self._begin), 0), 1)
        gap = self.initial_sparsity - self.final_sparsity
        return self.final_sparsity + gap * math.pow(left, self.exponent)

    def _update_kernels(self, step: int) -> None:
        sparsity = self.sparsity_at(step)
        if sparsity == 0:
            return
        if self.scope == "global":
            prune(self._kernels, sparsity)
        else:
            for kernel in self._kernels:
                prune([kernel], sparsity)
        self._started = True
        keep_zeros(self._kernels)


def prune(kernels: list[Kernel], sparsity: float) -> None:
    """Sets the fraction `sparsity` of all weights to 0, the smallest in magnitude."""
    weights = [kernel.read() for kernel in kernels]
    flat = np.concatenate([each.reshape(-1) for each in weights])
    flat[smallest(np.abs(flat), round(sparsity * flat.size))] = 0
    ends = np.cumsum([kernel.size for kernel in kernels])
    for kernel, values in zip(kernels, np.split(flat, ends[:-1]), strict=True):
        kernel.write(values.reshape(kernel.shape))
