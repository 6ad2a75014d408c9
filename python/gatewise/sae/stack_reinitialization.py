"""Dead units of a stack's code, started anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.sae.activations import KL, TopK
from gatewise.training.predicting import BATCH_ROWS

if TYPE_CHECKING:
    from gatewise import _core
    from gatewise._core import Floats, Indices
    from gatewise.sae.chain import Chain

_FIRST_STREAM = 1 << 36
"""Streams of new weights: beyond those of shuffles, which are numbered by steps from 2**32 on."""


def revive_units(
    chain: Chain,
    encoder: _core.Network,
    dead: Indices,
    rows: Floats,
    seed: int,
    number: int,
) -> None:
    """Gives units of the code new weights, with which half of some rows make them active.

    What leads to a unit is drawn as first weights are; its bias puts the median row at the least
    value that is active. What leads from it becomes 0: the reconstruction stays as it was, and the
    slope of these weights is the first that the unit gets.

    Parameters
    ----------
    chain : Chain
        Built.
    encoder : Network
        From rows to pre-activations of the code.
    dead : ndarray of int64
        The units.
    rows : ndarray (n, d), float32
        From which the medians are taken.
    seed, number : int
        Of the random numbers; the number is another one each time.
    """
    last, after = chain.encoder[-1], chain.decoder[0]
    kernel, bias = last.native.get("kernel"), last.native.get("bias")
    stream = _FIRST_STREAM + number
    kernel[:, dead] = last.kernel_initializer(kernel.shape, seed=seed, stream=stream)[:, dead]
    bias[dead] = 0
    last.native.set("kernel", kernel)
    last.native.set("bias", bias)
    # In the core, whose bits do not depend on threads.
    above = encoder.predict([rows], BATCH_ROWS)[0]
    short = _least_active(chain, above)[:, None] - above[:, dead]
    bias[dead] = np.median(short, axis=0)
    last.native.set("bias", bias)
    outgoing = after.native.get("kernel")
    outgoing[dead] = 0
    after.native.set("kernel", outgoing)
    idle = chain.code.native.get("idle_rows")
    idle[dead] = 0
    chain.code.native.set("idle_rows", idle)


def _least_active(chain: Chain, above: Floats) -> Floats:
    """The value above which a pre-activation is active, for each row."""
    activation, threshold = chain.code.activation, chain.code.threshold
    if isinstance(activation, KL):
        threshold = np.log(threshold / (1 - threshold)) if threshold else -np.inf
    least = np.full(len(above), threshold, np.float32)
    if isinstance(activation, TopK):
        place = above.shape[1] - activation.k
        least = np.maximum(least, np.partition(above, place, axis=1)[:, place])
    return least
