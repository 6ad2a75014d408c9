"""sparsify: a folder of `cfg.json` and `sae.safetensors`.

`encoder.weight (m, d)`, `encoder.bias (m,)`, `W_dec (m, d)`, `b_dec (d,)`. The bias is subtracted
before the encoder unless `transcode` is set, for models that predict another layer's output from x.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.sae.files.configuration import Configuration, read_configuration
from gatewise.sae.files.stored_activations import StoredTopK
from gatewise.sae.files.stored_dictionary import StoredDictionary
from gatewise.sae.files.tensors import read_safetensors, safetensors_bytes

NAME = "sparsify"
SETTINGS, WEIGHTS = "cfg.json", "sae.safetensors"


def read(folder: Path) -> StoredDictionary:
    """See `gatewise.sae.files.read`."""
    config = read_configuration(folder / SETTINGS)
    config.choice("activation", "topk", default="topk")
    config.expect("skip_connection", False)
    config.expect("signed", False)
    d = config.integer("d_in", 1)
    m = config.integer("num_latents", 0, default=0) or d * config.integer("expansion_factor", 1)
    tensors = read_safetensors(folder / WEIGHTS)
    stored = StoredDictionary(
        encoder=tensors.take_transposed("encoder.weight", (d, m)),
        encoder_bias=tensors.take("encoder.bias", (m,)),
        decoder=tensors.take("W_dec", (m, d)),
        decoder_bias=tensors.take("b_dec", (d,)),
        activation=StoredTopK(config.integer("k", 1)),
        subtract_bias=not config.flag("transcode", default=False),
        metadata={"format": NAME, "config": config.values},
    )
    tensors.check_all_used()
    return stored


def files(stored: StoredDictionary) -> dict[str, bytes]:
    """See `gatewise.sae.files.write`."""
    if type(stored.activation) is not StoredTopK:
        raise ValueError(
            f"activation: expected top_k, the only one that {NAME} supports, "
            f"got {stored.activation.kind}"
        )
    config = _config(stored)
    stored = stored.folded().subtracting_bias(not config["transcode"])
    tensors = {
        "encoder.weight": np.ascontiguousarray(stored.encoder.T),
        "encoder.bias": stored.encoder_bias,
        "W_dec": stored.decoder,
        "b_dec": stored.decoder_bias,
    }
    return {SETTINGS: json.dumps(config).encode(), WEIGHTS: safetensors_bytes(tensors)}


def _config(stored: StoredDictionary) -> dict[str, Any]:
    assert isinstance(stored.activation, StoredTopK)
    config: dict[str, Any] = {
        "activation": "topk",
        "expansion_factor": max(1, stored.latents // stored.width),
        "normalize_decoder": True,
        "num_latents": stored.latents,
        "multi_topk": False,
        "skip_connection": False,
        "transcode": False,
    }
    if stored.metadata.get("format") == NAME:
        config |= dict(stored.metadata["config"])
    config["k"], config["d_in"] = stored.activation.k, stored.width
    known = Configuration(NAME, config)
    latents = known.integer("num_latents", 0) or stored.width * known.integer("expansion_factor", 1)
    if latents != stored.latents:
        config["num_latents"] = stored.latents
    return config
