"""SAELens, version 6 or later: a folder of `cfg.json` and `sae_weights.safetensors`.

`W_enc (d, m)`, `W_dec (m, d)`, `b_dec (d,)` and `b_enc (m,)`; with architecture `jumprelu` also
`threshold (m,)`; with `gated` `b_gate`, `b_mag`, `r_mag (m,)` instead of `b_enc`. A model trained
with batch top-k is saved as `jumprelu`, with the same threshold for all latents.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.data.convert import Floats
from gatewise.sae.files.configuration import Configuration, read_configuration
from gatewise.sae.files.stored_activations import (
    StoredActivation,
    StoredBatchTopK,
    StoredGated,
    StoredJumpRelu,
    StoredRelu,
    StoredTopK,
)
from gatewise.sae.files.stored_dictionary import StoredDictionary
from gatewise.sae.files.tensors import TensorFile, read_safetensors, safetensors_bytes

NAME = "sae_lens"
SETTINGS, WEIGHTS = "cfg.json", "sae_weights.safetensors"

_ARCHITECTURES = {
    "relu": "standard",
    "top_k": "topk",
    "batch_top_k": "jumprelu",
    "jump_relu": "jumprelu",
    "gated": "gated",
}
_RESCALE = "rescale_acts_by_decoder_norm"
_NORM_TOLERANCE = 1e-6
"""Tolerance of the length of a float32 row that was scaled to 1."""


def read(folder: Path) -> StoredDictionary:
    """See `gatewise.sae.files.read`.

    With `rescale_acts_by_decoder_norm`, latents are selected and codes computed as if the rows of
    W_dec had length 1. If they have not, their norms are folded into `W_enc` and `b_enc`.
    """
    config = read_configuration(folder / SETTINGS)
    _check_version(config)
    architecture = config.choice("architecture", *dict.fromkeys(_ARCHITECTURES.values()))
    # Other choices depend on the row, or on a factor that is not in the folder.
    config.choice("normalize_activations", "none", default="none")
    d, m = config.integer("d_in", 1), config.integer("d_sae", 1)
    tensors = read_safetensors(folder / WEIGHTS)
    activation = _activation(architecture, config, tensors, m)
    gated = architecture == "gated"
    stored = StoredDictionary(
        encoder=tensors.take("W_enc", (d, m)),
        encoder_bias=np.zeros(m, np.float32) if gated else tensors.take("b_enc", (m,)),
        decoder=tensors.take("W_dec", (m, d)),
        decoder_bias=tensors.take("b_dec", (d,)),
        activation=activation,
        subtract_bias=config.flag("apply_b_dec_to_input", default=True),
        metadata={"format": NAME, "config": config.values},
    )
    tensors.check_all_used()
    return _rescaled(stored) if config.flag(_RESCALE, default=False) else stored


def files(stored: StoredDictionary) -> dict[str, bytes]:
    """See `gatewise.sae.files.write`."""
    stored = stored.folded()
    activation = stored.activation
    tensors: dict[str, Floats] = {
        "W_enc": stored.encoder,
        "W_dec": stored.decoder,
        "b_dec": stored.decoder_bias,
    }
    if isinstance(activation, StoredGated):
        gate = stored.gated()
        tensors |= {
            "b_gate": gate.gate_bias,
            "b_mag": gate.magnitude_bias,
            "r_mag": gate.magnitude_log,
        }
    else:
        tensors["b_enc"] = stored.encoder_bias
    if isinstance(activation, StoredJumpRelu):
        tensors["threshold"] = activation.threshold
    elif isinstance(activation, StoredBatchTopK):
        tensors["threshold"] = np.full(stored.latents, activation.threshold, np.float32)
    config = json.dumps(_config(stored))
    return {SETTINGS: config.encode(), WEIGHTS: safetensors_bytes(tensors)}


def _check_version(config: Configuration) -> None:
    metadata = config.group("metadata", default={}).values
    version = str(config.values.get("sae_lens_version") or metadata.get("sae_lens_version"))
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) < 6:
        raise ValueError(
            f"{config.source}: metadata: sae_lens_version: expected 6 or later, got {version}; "
            f"SAELens 6 can load older folders and save them in this version"
        )


def _activation(
    architecture: str, config: Configuration, tensors: TensorFile, m: int
) -> StoredActivation:
    match architecture:
        case "standard":
            return StoredRelu()
        case "topk":
            return StoredTopK(config.integer("k", 1))
        case "jumprelu":
            return StoredJumpRelu(tensors.take("threshold", (m,)))
        case _:
            return StoredGated(*(tensors.take(name, (m,)) for name in ("b_gate", "b_mag", "r_mag")))


def _rescaled(stored: StoredDictionary) -> StoredDictionary:
    if _is_unit_norm(stored.decoder):
        return stored
    norms = np.maximum(_row_norms(stored.decoder), 1e-8)
    return replace(
        stored,
        encoder=stored.encoder * norms,
        encoder_bias=stored.encoder_bias * norms,
        decoder=stored.decoder / norms[:, None],
    )


def _is_unit_norm(decoder: Floats) -> bool:
    return bool(np.all(np.abs(_row_norms(decoder) - 1) <= _NORM_TOLERANCE))


def _row_norms(decoder: Floats) -> Any:
    return np.linalg.norm(decoder.astype(np.float64), axis=1)


def _config(stored: StoredDictionary) -> dict[str, Any]:
    """The settings that were read, if in this format, with those that follow from the weights."""
    config: dict[str, Any] = {
        "device": "cpu",
        "dtype": "float32",
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": "6.0.0", "sae_lens_training_version": None},
    }
    if stored.metadata.get("format") == NAME:
        config = dict(stored.metadata["config"])
    config["architecture"] = _ARCHITECTURES[stored.activation.kind]
    config["d_in"], config["d_sae"] = stored.width, stored.latents
    config["apply_b_dec_to_input"] = stored.subtract_bias
    if config.get("dtype") not in ("float32", "torch.float32"):
        config["dtype"] = "float32"
    if isinstance(stored.activation, StoredTopK) and config["architecture"] == "topk":
        config["k"] = stored.activation.k
    if config.get(_RESCALE):
        config[_RESCALE] = config["architecture"] == "topk" and _is_unit_norm(stored.decoder)
    return config
