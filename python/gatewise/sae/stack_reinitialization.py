"""Dead units of a stack's code, started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.sae.activations import KL, TopK
from gatewise.training.predicting import BATCH_ROWS

if TYPE_CHECKING:
    from gatewise import _core
    from gatewise._core import Floats, Indices
    from gatewise.sae.layer_stack import LayerStack

_FIRST_STREAM = 1 << 36
"""Streams of new weights: beyond those of shuffles, which are numbered by steps from 2**32 on."""


def reinitialize_units(
    layer_stack: LayerStack,
    encoder: _core.Network,
    dead: Indices,
    rows: Floats,
    seed: int,
    step: int,
) -> None:
    """Gives units of the code new weights, with which half of some rows make them active.

    What leads to a unit is drawn as first weights are; its bias puts the median row at the smallest
    active value. What leads from it becomes 0: the reconstruction stays as it was, and the
    gradient of these weights is the first that the unit gets.

    Parameters
    ----------
    layer_stack : LayerStack
        Built.
    encoder : Network
        From rows to pre-activations of the code.
    dead : ndarray of int64
        The units.
    rows : ndarray (n, d), float32
        From which the medians are taken.
    seed, step : int
        Of the random numbers; the step is another one each time.
    """
    last, after = layer_stack.encoder[-1], layer_stack.decoder[0]
    kernel, bias = last.native.get("kernel"), last.native.get("bias")
    stream = _FIRST_STREAM + step
    kernel[:, dead] = last.kernel_initializer(kernel.shape, seed=seed, stream=stream)[:, dead]
    bias[dead] = 0
    last.native.set("kernel", kernel)
    last.native.set("bias", bias)
    # In the core, whose bits do not depend on threads.
    preactivations = encoder.predict([rows], BATCH_ROWS)[0]
    bias_shift = (
        _activation_thresholds(layer_stack, preactivations)[:, None] - preactivations[:, dead]
    )
    bias[dead] = np.median(bias_shift, axis=0)
    last.native.set("bias", bias)
    outgoing = after.native.get("kernel")
    outgoing[dead] = 0
    after.native.set("kernel", outgoing)
    idle = layer_stack.code.native.get("idle_rows")
    idle[dead] = 0
    layer_stack.code.native.set("idle_rows", idle)


def _activation_thresholds(layer_stack: LayerStack, preactivations: Floats) -> Floats:
    """The value preactivations which a pre-activation is active, for each row."""
    activation, threshold = layer_stack.code.activation, layer_stack.code.threshold
    if isinstance(activation, KL):
        threshold = np.log(threshold / (1 - threshold)) if threshold else -np.inf
    thresholds = np.full(len(preactivations), threshold, np.float32)
    if isinstance(activation, TopK):
        kth = preactivations.shape[1] - activation.k
        thresholds = np.maximum(thresholds, np.partition(preactivations, kth, axis=1)[:, kth])
    return thresholds
