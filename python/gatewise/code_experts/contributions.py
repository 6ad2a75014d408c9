"""Contributions of the features of a code to an output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import _core
from gatewise.code_experts.fusion import GATE
from gatewise.experts import Linear
from gatewise.models import Model

if TYPE_CHECKING:
    from gatewise._core import Doubles
    from gatewise.layers import Layer, SparseExpertLayer

STEPS = 64
"""Points of the path at which gradients are averaged."""


@dataclass(frozen=True)
class Contributions:
    """Decomposition of an output before its activation: `output = base + values.sum(axis=1)`.

    Attributes
    ----------
    values : csr_array (n, m)
        Contribution of each feature of a row's code; 0 for features that are not in the code.
    base : ndarray (n,)
        The rest: biases and the contribution of the input.
    output : ndarray (n,)
        The output before its activation.
    completeness_error : ndarray (n,)
        `base + values.sum(axis=1) - output`: rounding for linear experts; for others also the error
        of the path integral, if the selected experts change along the path.
    """

    values: Any
    base: Doubles
    output: Doubles
    completeness_error: Doubles


def linear_contributions(
    layer: SparseExpertLayer, codes: Any, weights: Doubles, gates: Doubles | None
) -> tuple[Any, Doubles]:
    """Exact for linear experts: `z_f sum_j w_j(z) W_j[f] . v`, and the rest `sum_j w_j(z) b_j . v`.

    Parameters
    ----------
    layer : SparseExpertLayer
        The experts that read the code.
    codes : csr_array (n, m)
        Codes of rows.
    weights : ndarray (u,)
        v, the weights from the layer's units to the output.
    gates : ndarray (n, u), optional
        Factors of the units, per row.

    Returns
    -------
    values : csr_array (n, m)
    base : ndarray (n,)
    """
    from scipy.sparse import csr_array

    named = {name: each.astype(np.float64) for name, each in layer.named_weights().items()}
    chosen, shares = _routing(layer, codes)
    kernel, bias = named["kernel"], named.get("bias")
    shared = named.get("shared_kernel", np.zeros((0, *kernel.shape[1:]))).sum(axis=0)
    values, base = np.zeros(codes.nnz), np.zeros(codes.shape[0])
    for row in range(codes.shape[0]):
        to_output = weights if gates is None else weights * gates[row]
        part = slice(codes.indptr[row], codes.indptr[row + 1])
        features, share = codes.indices[part], shares[row]
        directions = np.einsum("j,jfu->fu", share, kernel[chosen[row]][:, features])
        directions += shared[features]
        values[part] = codes.data[part] * (directions @ to_output)
        if bias is not None:
            base[row] += share @ bias[chosen[row]] @ to_output
            if "shared_bias" in named:
                base[row] += named["shared_bias"].sum(axis=0) @ to_output
        if "output_bias" in named:
            base[row] += named["output_bias"] @ to_output
    return csr_array((values, codes.indices, codes.indptr), codes.shape), base


def integrated_gradients(model: Model, codes: Any, raw: Any, output: int) -> tuple[Any, Doubles]:
    """Integrated gradients from an empty code to the code, and the output of the empty code.

    `IG_f = z_f mean_t dF(t z)/dz_f` over the midpoints t of `STEPS` equal intervals of [0, 1]
    (Sundararajan, Taly, Yan 2017, "Axiomatic attribution for deep networks", equations 1 and 3).
    """
    from scipy.sparse import csr_array

    network = model._training.require_network()
    row_indices = np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))
    gradient_sum = np.zeros(codes.nnz)
    for step in range(STEPS):
        scale = (step + 0.5) / STEPS
        rows = _sparse_rows(codes, scale)
        gradient = _core.input_gradients(network, [rows, raw], output)[0]
        gradient_sum += gradient[row_indices, codes.indices]
    values = codes.data.astype(np.float64) * gradient_sum / STEPS
    empty = _core.SparseRows(
        np.zeros(codes.shape[0] + 1, np.int64),
        np.zeros(0, np.int32),
        np.zeros(0, np.float32),
        codes.shape[1],
    )
    base = network.predict([empty, raw], codes.shape[0])[0][:, output].astype(np.float64)
    return csr_array((values, codes.indices, codes.indptr), codes.shape), base


def is_linear(layer: SparseExpertLayer) -> bool:
    """Whether the output is linear in the code for fixed experts and weights."""
    return layer.expert == Linear() and (layer.activation or "linear") == "linear"


def gate_values(model: Model, raw: Any) -> Doubles | None:
    """g of `fusion="gated_sum"` for rows `(n, u)`, or None."""
    gate: Layer | None = next((each for each in model.layers if each.name == GATE), None)
    return None if gate is None else np.asarray(gate(raw), np.float64)


def _routing(layer: SparseExpertLayer, codes: Any) -> tuple[Any, Doubles]:
    indices, shares = layer.routing(codes)
    return indices, shares.astype(np.float64)


def _sparse_rows(codes: Any, scale: float) -> _core.SparseRows:
    return _core.SparseRows(
        codes.indptr.astype(np.int64),
        codes.indices.astype(np.int32),
        np.ascontiguousarray(codes.data * scale, np.float32),
        codes.shape[1],
    )
