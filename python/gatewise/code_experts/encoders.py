"""Encoders for experts on a code: objects with `encode` or `transform`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.layers import Dense
from gatewise.sae import SparseAutoencoder
from gatewise.sae.activations import ReLU, TopK
from gatewise.sae.sparse_code import SparseCode
from gatewise.sae.stored_conversion import to_stored

if TYPE_CHECKING:
    from gatewise.layers import Layer


def check_encoder(encoder: object) -> None:
    """Raises TypeError if the encoder has neither `encode` nor `transform`."""
    if not (hasattr(encoder, "encode") or hasattr(encoder, "transform")):
        raise TypeError(
            f"encoder: expected an object with encode or transform, got {type(encoder).__name__}"
        )


def fit_if_unfitted(encoder: Any, x: Any) -> None:
    """Fits a scikit-learn transformer that is not fitted yet."""
    if hasattr(encoder, "encode") or not hasattr(encoder, "get_params"):
        return
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(encoder)
    except NotFittedError:
        encoder.fit(x)


def encode_rows(encoder: Any, x: Any) -> Any:
    """The codes of rows as SciPy CSR of float32 `(n, m)`, without stored zeros."""
    from scipy.sparse import csr_array

    call = encoder.encode if hasattr(encoder, "encode") else encoder.transform
    codes = call(x)
    rows = codes.rows() if hasattr(codes, "rows") else codes
    found = csr_array(rows, dtype=np.float32)
    if found.shape[0] != x.shape[0]:
        raise ValueError(
            f"encoder: expected a code for each of {x.shape[0]} rows, got {found.shape[0]}"
        )
    found.eliminate_zeros()
    found.sort_indices()
    return found


def encoder_layers(encoder: object, width: int) -> tuple[list[Layer], list[Layer]]:
    """The encoder and decoder layers of an autoencoder, for training in another model.

    A stack returns its own layers; a dictionary returns new, equivalent ones.

    Raises
    ------
    TypeError
        The encoder is not a `SparseAutoencoder`.
    ValueError
        It is a dictionary with another activation than TopK or ReLU, a threshold or experts.
    """
    if not isinstance(encoder, SparseAutoencoder):
        raise TypeError(
            "training: expected 'frozen' for an encoder that is not a "
            f"SparseAutoencoder, got one of type {type(encoder).__name__}"
        )
    if not encoder.built:
        encoder.build((None, width))
    layers = encoder.layers
    codes = [index for index, each in enumerate(layers) if isinstance(each, SparseCode)]
    if codes:
        return layers[: codes[0] + 1], layers[codes[0] + 1 :]
    return _dictionary_layers(encoder)


def _dictionary_layers(encoder: SparseAutoencoder) -> tuple[list[Layer], list[Layer]]:
    dictionary = encoder.dictionary
    if not isinstance(dictionary.activation, TopK | ReLU):
        raise ValueError(
            "training: expected 'frozen' for a dictionary with another activation than TopK or "
            f"ReLU, got {type(dictionary.activation).__name__}"
        )
    dictionary.parameters()
    stored = to_stored(dictionary).folded().subtracting_bias(False)  # h = x W_e + b_e
    inner = Dense(stored.latents, name=f"{encoder.name}_encoder", dtype="float32")
    inner.build((None, stored.width))
    inner.set_weights([stored.encoder, stored.encoder_bias])
    code = SparseCode(dictionary.activation, name=f"{encoder.name}_code")
    outer = Dense(stored.width, name=f"{encoder.name}_decoder", dtype="float32")
    outer.build((None, stored.latents))
    outer.set_weights([stored.decoder, stored.decoder_bias])
    return [inner, code], [outer]
