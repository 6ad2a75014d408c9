"""Conversion between `SparseDictionary` and `StoredDictionary`, the common form of all files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.registry import Config
from gatewise.sae.activations import BatchTopK, Gated, JumpReLU, ReLU, TopK
from gatewise.sae.code_activation import CodeActivation
from gatewise.sae.files import (
    StoredActivation,
    StoredBatchTopK,
    StoredDictionary,
    StoredGated,
    StoredJumpRelu,
    StoredRelu,
    StoredTopK,
)

if TYPE_CHECKING:
    from gatewise._core import Floats
    from gatewise.sae.sparse_dictionary import SparseDictionary

_NORM_TOLERANCE = 1e-4
"""Tolerance of row lengths: if all are 1, further training keeps them at 1 (`unit_norm`)."""


def to_stored(dictionary: SparseDictionary) -> StoredDictionary:
    """A built dictionary as a `StoredDictionary`.

    Raises
    ------
    ValueError
        It has experts, a threshold, or an activation that files cannot hold.
    """
    if dictionary.num_experts > 1:
        raise ValueError(f"num_experts: expected 1 in a file, got {dictionary.num_experts}")
    if dictionary.threshold:
        raise ValueError(f"threshold: expected 0 in a file, got {dictionary.threshold}")
    native = dictionary.native
    return StoredDictionary(
        encoder=native.get("encoder"),
        encoder_bias=_encoder_bias(dictionary),
        decoder=native.get("decoder"),
        decoder_bias=native.get("decoder_bias"),
        activation=_stored_activation(dictionary),
        subtract_bias=dictionary.subtract_bias,
        center=native.get("center"),
        scale=float(native.get("scale")[0]),
    )


def _encoder_bias(dictionary: SparseDictionary) -> Floats:
    bias = dictionary.native.get("encoder_bias")
    return np.zeros_like(bias) if isinstance(dictionary.activation, Gated) else bias


def _stored_activation(dictionary: SparseDictionary) -> StoredActivation:
    native, activation = dictionary.native, dictionary.activation
    if isinstance(activation, TopK):
        assert activation.k is not None  # resolved by the layer
        return StoredTopK(activation.k)
    if isinstance(activation, BatchTopK):
        assert activation.k is not None
        return StoredBatchTopK(activation.k, float(native.get("batch_threshold")[0]))
    if isinstance(activation, ReLU):
        return StoredRelu()
    if isinstance(activation, JumpReLU):
        return StoredJumpRelu(native.get("latent_threshold"))
    if isinstance(activation, Gated):
        return StoredGated(
            gate_bias=native.get("encoder_bias"),
            magnitude_bias=native.get("magnitude_bias"),
            magnitude_log=native.get("magnitude_log"),
        )
    raise ValueError(
        "activation: expected TopK, BatchTopK, ReLU, JumpReLU or Gated in a file, "
        f"got {type(activation).__name__}"
    )


def from_stored(stored: StoredDictionary) -> tuple[Config, dict[str, Floats]]:
    """The arguments of `SparseAutoencoder`, and the parameters of its dictionary."""
    activation, own = _activation(stored)
    norms = np.linalg.norm(stored.decoder, axis=1)
    settings: Config = {
        "latents": stored.latents,
        "activation": activation,
        "subtract_bias": stored.subtract_bias,
        "unit_norm": bool(np.all(np.abs(norms - 1) < _NORM_TOLERANCE)),
        "center": bool(stored.center.any()),
        "scale": stored.scale != 1,
        "input_dim": stored.width,
    }
    values: dict[str, Any] = {
        "encoder": stored.encoder,
        "encoder_bias": stored.encoder_bias,
        "decoder": stored.decoder,
        "decoder_bias": stored.decoder_bias,
        "center": stored.center,
        "scale": np.array([stored.scale], np.float32),
    }
    return settings, values | own


def _activation(stored: StoredDictionary) -> tuple[CodeActivation, dict[str, Floats]]:
    activation = stored.activation
    if isinstance(activation, StoredBatchTopK):  # a StoredTopK too
        threshold = np.array([max(activation.threshold, 0)], np.float32)
        return BatchTopK(activation.k), {"batch_threshold": threshold}
    if isinstance(activation, StoredTopK):
        return TopK(activation.k), {}
    if isinstance(activation, StoredRelu):
        return ReLU(l1=None), {}
    if isinstance(activation, StoredJumpRelu):
        # z = ReLU(h) where h > threshold: a threshold below 0 equals 0.
        return JumpReLU(target_l0=None), {"latent_threshold": np.maximum(activation.threshold, 0)}
    gated = stored.gated()
    return Gated(l1=None), {
        "encoder_bias": gated.gate_bias,
        "magnitude_bias": gated.magnitude_bias,
        "magnitude_log": gated.magnitude_log,
    }
