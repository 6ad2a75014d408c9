"""Dead latents of a dictionary, started anew where its error is largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise import _core
from gatewise.sae import csr_codes

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices
    from gatewise.sae.sparse_dictionary import SparseDictionary

_STREAM = 1 << 37
"""Streams of the draws: beyond those of shuffles and of revived units."""


def resample(
    dictionary: SparseDictionary, dead: Indices, rows: Floats, seed: int, step: int
) -> None:
    """Points dead latents at what is left over of rows that are reconstructed badly.

    Each draws a row with a chance in proportion to its squared error. Its row of W_d becomes that
    row's error, scaled to length 1; its column of W_e the same, scaled to the mean length of the
    other latents' columns, so that it is among the largest of its row; its bias 0, and what its
    activation has of its own as at the start. The moments of Adam have faded while it was dead,
    unless updates are lazy. (The source draws by the square of the loss, makes columns a fifth as
    long, for a ReLU, and clears the moments.)

    Parameters
    ----------
    dictionary : SparseDictionary
        Built.
    dead : ndarray of int64
        The latents.
    rows : ndarray (n, d), float32
        Of which the errors are taken.
    seed, step : int
        Of the random numbers; the step is another one each time.

    References
    ----------
    Bricken et al. 2023, "Towards monosemanticity", appendix on resampling.
    """
    native, latents = dictionary.native, dictionary.latents
    z = csr_codes.encode(native, rows, rows.shape[1], latents, len(rows))
    errors = native.get("scale")[0] * (rows - csr_codes.decode(native, z, latents))
    squares = np.sum(errors.astype(np.float64) ** 2, axis=1)
    if not squares.sum() > 0:
        return
    cumulative = np.cumsum(squares / squares.sum())
    draws = _core.random_uniform(seed, _STREAM + step, len(dead), 0.0, 1.0)
    chosen = np.minimum(np.searchsorted(cumulative, draws, side="right"), len(rows) - 1)
    directions = errors[chosen] / np.sqrt(squares[chosen, None])
    encoder, bias, decoder = (native.get(name) for name in ("encoder", "encoder_bias", "decoder"))
    norms = np.linalg.norm(encoder, axis=0)
    norms[dead] = np.nan
    length = 1.0 if len(dead) == latents else np.nanmean(norms)
    decoder[dead] = directions
    encoder[:, dead] = directions.T if dictionary.tied else length * directions.T
    bias[dead] = 0
    for name, value in (("encoder", encoder), ("encoder_bias", bias), ("decoder", decoder)):
        native.set(name, value)
    for name in dictionary.activation.parameter_names:
        value = native.get(name)
        value[dead] = dictionary.activation.initial_value(name, latents)
        native.set(name, value)
    idle = native.get("idle_rows")
    idle[dead] = 0
    native.set("idle_rows", idle)
