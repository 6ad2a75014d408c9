"""Gemma Scope: `params.npz`, to be read only.

`W_enc (d, m)`, `W_dec (m, d)`, `b_enc`, `threshold (m,)`, `b_dec (d,)`, in upper or lower case; the
activation is a jump ReLU, and the bias is not subtracted before the encoder.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from gatewise.sae.files.activations import StoredJumpRelu
from gatewise.sae.files.stored import StoredDictionary
from gatewise.sae.files.tensors import RawTensor, TensorFile

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
    tensors.finish()
    return stored


def _read_arrays(path: Path) -> TensorFile:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name.lower(): arrays[name] for name in arrays.files}
    except (ValueError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole .npz archive of arrays: {error}") from None
    raw = {
        name: RawTensor(_DTYPES.get(str(each.dtype), str(each.dtype)), each)
        for name, each in found.items()
    }
    return TensorFile(str(path), raw)
