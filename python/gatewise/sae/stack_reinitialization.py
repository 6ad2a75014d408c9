"""Re-initialisation of the dead code units of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.sae.activations import KL, TopK
from gatewise.training.batch_rows import BATCH_ROWS
from gatewise.utils.streams import REINITIALIZED_UNITS

if TYPE_CHECKING:
    from gatewise import _core
    from gatewise._core import Floats, Indices
    from gatewise.sae.layer_stack import LayerStack


def reinitialize_units(
    layer_stack: LayerStack,
    encoder: _core.Network,
    dead: Indices,
    rows: Floats,
    seed: int,
    step: int,
) -> None:
    """Re-initialises units of the code so that they are active in half of the given rows.

    Incoming weights are drawn like initial weights. The bias puts the unit's threshold at the
    median row. Outgoing weights become 0, so that reconstructions do not change; their gradient is
    the first that the unit gets.

    Parameters
    ----------
    layer_stack : LayerStack
        Built.
    encoder : Network
        From rows to pre-activations of the code.
    dead : ndarray of int64
        Units to re-initialise.
    rows : ndarray (n, d), float32
        Rows for the medians.
    seed, step : int
        Select the random numbers; the step differs from call to call.
    """
    last, after = layer_stack.encoder[-1], layer_stack.decoder[0]
    kernel, bias = last.native.get("kernel"), last.native.get("bias")
    stream = REINITIALIZED_UNITS.at(step)
    kernel[:, dead] = last.kernel_initializer(kernel.shape, seed=seed, stream=stream)[:, dead]
    bias[dead] = 0
    last.native.set("kernel", kernel)
    last.native.set("bias", bias)
    # Computed by the core, so that bits do not depend on threads.
    preactivations = encoder.predict([rows], BATCH_ROWS, checked=True)[0]
    bias_shift = (
        _activation_thresholds(layer_stack, preactivations)[:, None] - preactivations[:, dead]
    )
    bias[dead] = np.median(bias_shift, axis=0)
    last.native.set("bias", bias)
    outgoing = after.native.get("kernel")
    outgoing[dead] = 0
    after.native.set("kernel", outgoing)
    idle = layer_stack.code.native.get("rows_since_active")
    idle[dead] = 0
    layer_stack.code.native.set("rows_since_active", idle)


def _activation_thresholds(layer_stack: LayerStack, preactivations: Floats) -> Floats:
    """The value above which a pre-activation is active, for each row `(n,)`."""
    activation, threshold = layer_stack.code.activation, layer_stack.code.threshold
    if isinstance(activation, KL):
        threshold = np.log(threshold / (1 - threshold)) if threshold else -np.inf
    thresholds = np.full(len(preactivations), threshold, np.float32)
    if isinstance(activation, TopK):
        kth = preactivations.shape[1] - activation.k
        thresholds = np.maximum(thresholds, np.partition(preactivations, kth, axis=1)[:, kth])
    return thresholds
