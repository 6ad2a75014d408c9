"""sentence-transformers' `SparseAutoEncoder` module, read-only.

A folder of `config.json` and `model.safetensors`: `encoder.weight (m, d)`, `latent_bias (m,)`,
`pre_bias (d,)`, which is subtracted before the encoder. The decoder is the transpose of the
encoder; the file stores the matrix under either name, or both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gatewise.sae.files.configuration import read_configuration
from gatewise.sae.files.stored_activations import StoredTopK
from gatewise.sae.files.stored_dictionary import StoredDictionary
from gatewise.sae.files.tensors import TensorFile, read_safetensors

NAME = "sentence_transformers"
SETTINGS, WEIGHTS = "config.json", "model.safetensors"

_MATRICES = ("encoder.weight", "decoder.linear.weight")


def read(folder: Path) -> StoredDictionary:
    """See `gatewise.sae.files.read`."""
    config = read_configuration(folder / SETTINGS)
    config.expect("normalize", False)
    d, m = config.integer("input_dim", 1), config.integer("hidden_dim", 1)
    tensors = read_safetensors(folder / WEIGHTS)
    encoder = _tied(tensors, d, m)
    stored = StoredDictionary(
        encoder=encoder,
        encoder_bias=tensors.take("latent_bias", (m,)),
        decoder=encoder.T,
        decoder_bias=tensors.take("pre_bias", (d,)),
        activation=StoredTopK(config.integer("k", 1)),
        subtract_bias=True,
        metadata={"format": NAME, "config": config.values},
    )
    tensors.ignore("stats_last_nonzero")
    tensors.check_all_used()
    return stored


def _tied(tensors: TensorFile, d: int, m: int) -> np.ndarray:
    names = [name for name in _MATRICES if name in tensors] or [_MATRICES[0]]
    matrices = [tensors.take_transposed(name, (d, m)) for name in names]
    if not np.array_equal(matrices[0], matrices[-1]):
        raise ValueError(
            f"{tensors.source}: tensor {_MATRICES[1]!r}: expected the values of {_MATRICES[0]!r}"
        )
    return matrices[0]
