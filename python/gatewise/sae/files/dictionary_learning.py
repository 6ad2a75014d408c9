"""dictionary_learning: a folder of `config.json`, which names the class, and `ae.pt`.

| class | encoder, decoder | other tensors | bias subtracted |
|---|---|---|---|
| AutoEncoder | encoder.weight (m, d), decoder.weight (d, m) | encoder.bias, bias (d,) | yes |
| AutoEncoderNew | the same | encoder.bias, decoder.bias (d,) | no |
| AutoEncoderTopK, BatchTopKSAE | the same | encoder.bias, b_dec (d,), k, threshold | yes |
| MatryoshkaBatchTopKSAE | W_enc (d, m), W_dec (m, d) | the same, with b_enc; group_sizes | yes |
| JumpReluAutoEncoder | W_enc, W_dec | b_enc, b_dec, threshold (m,) | no |
| GatedAutoEncoder | as AutoEncoder | gate_bias, mag_bias, r_mag, decoder_bias | yes |

Older files of AutoEncoderTopK lack threshold, or k too, which their configuration has.
"""

from __future__ import annotations

import importlib
import io
import json
from dataclasses import dataclass
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
from gatewise.sae.files.tensors import TensorFile
from gatewise.sae.files.torch_file import read_torch_file

NAME = "dictionary_learning"
SETTINGS, WEIGHTS = "config.json", "ae.pt"

_UNSET = -1.0
"""Threshold in the file of a model that has none yet."""


@dataclass(frozen=True)
class _Layout:
    """Tensor names of a class; `is_linear` if its matrices are transposed, as in nn.Linear."""

    kind: str
    is_linear: bool
    encoder_bias: str | None
    decoder_bias: str
    subtract_bias: bool

    @property
    def encoder(self) -> str:
        return "encoder.weight" if self.is_linear else "W_enc"

    @property
    def decoder(self) -> str:
        return "decoder.weight" if self.is_linear else "W_dec"


_LAYOUTS = {
    "AutoEncoder": _Layout("relu", True, "encoder.bias", "bias", True),
    "AutoEncoderNew": _Layout("relu", True, "encoder.bias", "decoder.bias", False),
    "AutoEncoderTopK": _Layout("top_k", True, "encoder.bias", "b_dec", True),
    "BatchTopKSAE": _Layout("batch_top_k", True, "encoder.bias", "b_dec", True),
    "MatryoshkaBatchTopKSAE": _Layout("batch_top_k", False, "b_enc", "b_dec", True),
    "JumpReluAutoEncoder": _Layout("jump_relu", False, "b_enc", "b_dec", False),
    "GatedAutoEncoder": _Layout("gated", True, None, "decoder_bias", True),
}


def read(folder: Path) -> StoredDictionary:
    """See `gatewise.sae.files.read`."""
    config = read_configuration(folder / SETTINGS)
    trainer = config.group("trainer")
    layout = _LAYOUTS[trainer.choice("dict_class", *_LAYOUTS)]
    tensors = read_torch_file(folder / WEIGHTS)
    shape = tensors.shape(layout.encoder)
    d, m = shape[::-1] if layout.is_linear else shape
    trainer.expect("activation_dim", d)
    trainer.expect("dict_size", m)
    take = tensors.take_transposed if layout.is_linear else tensors.take
    metadata: dict[str, Any] = {"format": NAME, "config": config.values}
    activation = _activation(layout.kind, tensors, trainer, m, metadata)
    bias = layout.encoder_bias
    stored = StoredDictionary(
        encoder=take(layout.encoder, (d, m)),
        encoder_bias=tensors.take(bias, (m,)) if bias else np.zeros(m, np.float32),
        decoder=take(layout.decoder, (m, d)),
        decoder_bias=tensors.take(layout.decoder_bias, (d,)),
        activation=activation,
        subtract_bias=layout.subtract_bias,
        metadata=metadata,
    )
    tensors.check_all_used()
    return stored


def files(stored: StoredDictionary) -> dict[str, bytes]:
    """See `gatewise.sae.files.write`."""
    name = _class_name(stored)
    layout = _LAYOUTS[name]
    stored = stored.folded().subtracting_bias(layout.subtract_bias)
    is_transposed = layout.is_linear
    arrays: dict[str, Any] = {
        layout.encoder: stored.encoder.T if is_transposed else stored.encoder,
        layout.decoder: stored.decoder.T if is_transposed else stored.decoder,
        layout.decoder_bias: stored.decoder_bias,
    }
    if layout.encoder_bias:
        arrays[layout.encoder_bias] = stored.encoder_bias
    arrays |= _activation_arrays(stored)
    if name == "MatryoshkaBatchTopKSAE":
        arrays["group_sizes"] = np.array(_group_sizes(stored), np.int64)
    return {SETTINGS: json.dumps(_config(stored, name)).encode(), WEIGHTS: _torch_bytes(arrays)}


def _activation(
    kind: str, tensors: TensorFile, trainer: Configuration, m: int, metadata: dict[str, Any]
) -> StoredActivation:
    """The activation; settings that it cannot hold are added to `metadata`."""
    match kind:
        case "relu":
            return StoredRelu()
        case "jump_relu":
            return StoredJumpRelu(tensors.take("threshold", (m,)))
        case "gated":
            names = ("gate_bias", "mag_bias", "r_mag")
            return StoredGated(*(tensors.take(name, (m,)) for name in names))
    if "k" in tensors:
        k = tensors.take_integers("k")[0]
        trainer.expect("k", k)
    else:  # older files have it in the configuration only
        k = trainer.integer("k", 1)
    threshold = float(tensors.take("threshold", ())) if "threshold" in tensors else _UNSET
    if kind == "top_k":
        metadata["threshold"] = threshold
        return StoredTopK(k)
    if "group_sizes" in tensors:
        metadata["group_sizes"] = tensors.take_integers("group_sizes")
    return StoredBatchTopK(k, threshold)


def _class_name(stored: StoredDictionary) -> str:
    """The class that was read, if it still fits; else the first class that fits."""
    kind = stored.activation.kind
    if stored.metadata.get("format") == NAME:
        name = str(stored.metadata["config"]["trainer"]["dict_class"])
        if _LAYOUTS[name].kind == kind:
            return name
    fitting = [name for name, layout in _LAYOUTS.items() if layout.kind == kind]
    same = [name for name in fitting if _LAYOUTS[name].subtract_bias == stored.subtract_bias]
    return (same or fitting)[0]


def _activation_arrays(stored: StoredDictionary) -> dict[str, Any]:
    activation = stored.activation
    if isinstance(activation, StoredJumpRelu):
        return {"threshold": activation.threshold}
    if isinstance(activation, StoredGated):
        gate = stored.gated()
        return {
            "gate_bias": gate.gate_bias,
            "mag_bias": gate.magnitude_bias,
            "r_mag": gate.magnitude_log,
        }
    if not isinstance(activation, StoredTopK):
        return {}
    threshold = stored.metadata.get("threshold", _UNSET)
    if isinstance(activation, StoredBatchTopK):
        threshold = activation.threshold
    return {"k": np.array(activation.k, np.int32), "threshold": np.array(threshold, np.float32)}


def _group_sizes(stored: StoredDictionary) -> list[int]:
    sizes = list(stored.metadata.get("group_sizes", ()))
    return sizes if sum(sizes) == stored.latents else [stored.latents]


def _config(stored: StoredDictionary, name: str) -> dict[str, Any]:
    config: dict[str, Any] = {"trainer": {}, "buffer": {}}
    if stored.metadata.get("format") == NAME:
        config = dict(stored.metadata["config"])
    sizes = {"activation_dim": stored.width, "dict_size": stored.latents}
    config["trainer"] = {**config["trainer"], "dict_class": name, **sizes}
    if isinstance(stored.activation, StoredTopK):
        config["trainer"]["k"] = stored.activation.k
    return config


def _torch_bytes(arrays: dict[str, Floats]) -> bytes:
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise ImportError(
            f"torch is needed to write {NAME}'s files and could not be imported ({error}); "
            f"reading does not need it"
        ) from error
    state = {name: torch.from_numpy(np.array(array, order="C")) for name, array in arrays.items()}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
