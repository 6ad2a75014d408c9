"""Re-initialisation of a dictionary's dead latents to residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise import _core
from gatewise.sae import csr_codes
from gatewise.utils.streams import RESAMPLED_LATENTS

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices
    from gatewise.sae.sparse_dictionary import SparseDictionary


def resample(
    dictionary: SparseDictionary, dead: Indices, rows: Floats, seed: int, step: int
) -> None:
    """Re-initialises dead latents to residuals of poorly reconstructed rows.

    Each latent draws a row with probability proportional to its squared error. Its row of W_d
    becomes the row's residual, scaled to length 1. Its column of W_e is the same, scaled to the
    mean length of the other latents' columns, so that it is among the largest of its row. Its bias
    is 0; parameters of its activation get their initial values. Adam's moments have decayed while
    the latent was dead, unless updates are lazy. (The source draws by the square of the loss,
    makes columns a fifth as long, for a ReLU, and resets the moments.)

    Parameters
    ----------
    dictionary : SparseDictionary
        Built.
    dead : ndarray of int64
        Latents to re-initialise.
    rows : ndarray (n, d), float32
        Rows whose residuals are used.
    seed, step : int
        Select the random numbers; the step differs from call to call.

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
    draws = _core.random_uniform(seed, RESAMPLED_LATENTS.at(step), len(dead), 0.0, 1.0)
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
    idle = native.get("rows_since_active")
    idle[dead] = 0
    native.set("rows_since_active", idle)
