"""Gemma Scope: `params.npz`, read-only.

`W_enc (d, m)`, `W_dec (m, d)`, `b_enc`, `threshold (m,)`, `b_dec (d,)`, in upper or lower case; the
activation is JumpReLU, and b_dec is not subtracted before the encoder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gatewise.sae.files.stored_activations import StoredJumpRelu
from gatewise.sae.files.stored_dictionary import StoredDictionary
from gatewise.sae.files.tensors import RawTensor, TensorFile
from gatewise.sae.files.zip_archive import open_archive

NAME = "gemma_scope"
WEIGHTS = "params.npz"

_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16"}


def read(folder: Path) -> StoredDictionary:
    """See `gatewise.sae.files.read`."""
    tensors = _read_arrays(folder / WEIGHTS)
    d, m = tensors.shape("w_enc")
    stored = StoredDictionary(
        encoder=tensors.take("w_enc", (d, m)),
        encoder_bias=tensors.take("b_enc", (m,)),
        decoder=tensors.take("w_dec", (m, d)),
        decoder_bias=tensors.take("b_dec", (d,)),
        activation=StoredJumpRelu(tensors.take("threshold", (m,))),
        subtract_bias=False,
        metadata={"format": NAME, "config": {}},
    )
    tensors.check_all_used()
    return stored


def _read_arrays(path: Path) -> TensorFile:
    found = {}
    with open_archive(path, ".npz archive of arrays") as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                try:
                    array = np.lib.format.read_array(member, allow_pickle=False)
                except ValueError as error:
                    raise ValueError(f"{name}: expected a complete array: {error}") from None
            dtype = str(array.dtype)
            raw = RawTensor(_DTYPES.get(dtype, dtype), array)
            found[name.removesuffix(".npy").lower()] = raw
    return TensorFile(str(path), found)
