"""Linear experts of constant weight as one dense layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.experts import Linear
from gatewise.layers.dense import Dense

if TYPE_CHECKING:
    from gatewise._core import Doubles, Floats
    from gatewise.layers.sparse_expert import SparseExpertLayer


def fused_dense(layer: SparseExpertLayer) -> Dense:
    """See `SparseExpertLayer.fuse`."""
    weights = fused_weights(layer)
    dense = Dense(layer.units, activation=layer.activation, use_bias=layer.use_bias)
    dense.build(layer.input_shape)
    dense.set_weights(weights)
    return dense


def can_be_fused(layer: SparseExpertLayer) -> bool:
    """Whether the experts are linear, and their weights the same for every row."""
    return not layer.router.chooses and layer.expert == Linear()


def fused_weights(layer: SparseExpertLayer) -> list[Floats]:
    """Kernel `(d, u)` and, where the layer has one, bias `(u,)` of the equal `Dense`.

    Raises
    ------
    ValueError
        As `SparseExpertLayer.fuse`.
    """
    if layer.router.chooses:
        raise ValueError(
            f"{layer.name}: fuse: expected a router whose weights are the same for every row "
            f"(All, Static), got {layer.router}"
        )
    if layer.expert != Linear():
        raise ValueError(f"{layer.name}: fuse: expected linear experts, got {layer.expert}")
    weights = {name: value.astype(np.float64) for name, value in layer.named_weights().items()}
    alpha = _expert_weights(layer)
    kernel = np.tensordot(alpha, weights["kernel"], axes=1)
    bias = np.zeros(layer.units)
    if "bias" in weights:
        bias += alpha @ weights["bias"]
    for name, values in weights.items():
        if name == "shared_kernel":
            kernel += values.sum(axis=0)
        elif name in ("shared_bias", "output_bias"):
            bias += values.reshape(-1, layer.units).sum(axis=0)
    return [each.astype(np.float32) for each in ([kernel, bias] if layer.use_bias else [kernel])]


def _expert_weights(layer: SparseExpertLayer) -> Doubles:
    """Each expert's weight `(E,)`, which is that of any row, constraint applied."""
    width = layer.input_shape[-1]
    indices, row_weights = layer.routing(np.zeros((1, width), np.float32))
    alpha = np.zeros(layer.num_experts)
    alpha[indices[0]] = row_weights[0]
    return alpha
