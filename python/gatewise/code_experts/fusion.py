"""Fusion of the experts' output with the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.layers import Add, Concatenate, Dense, Multiply, Subtract

if TYPE_CHECKING:
    from gatewise.layers.symbol import Symbol

FUSIONS = ("concat", "gated_sum", "residual")
RAW, GATE = "raw_projection", "fusion_gate"
"""Names of the layers that `fuse` may add."""


def fuse(
    fusion: str,
    experts: Symbol,
    raw: Symbol,
    raw_units: int | None,
    raw_activation: str,
    is_sparse: bool,
) -> Symbol:
    """The fused values of e, the experts' output `(n, u)`, and r, the input or its projection.

    concat: `[e, r]`, with r a projection only if the input is sparse or `raw_units` or
    `raw_activation` is set; gated_sum: `g * e + (1 - g) * r`, `g = sigmoid(x W_g + b_g)`;
    residual: `e + r`.
    """
    units, width = experts.shape[-1], raw.shape[-1]
    projected_units = (
        units if fusion != "concat" else (raw_units or (units if is_sparse else width))
    )
    projected: Any = raw
    if projected_units != width or is_sparse or raw_units or raw_activation != "linear":
        projected = Dense(int(projected_units or 0), activation=raw_activation, name=RAW)(raw)
    if fusion == "concat":
        return Concatenate()([experts, projected])  # type: ignore[no-any-return]
    if fusion == "residual":
        return Add()([experts, projected])  # type: ignore[no-any-return]
    gate = Dense(int(units or 0), activation="sigmoid", name=GATE)(raw)
    change = Multiply()([gate, Subtract()([experts, projected])])
    return Add()([projected, change])  # type: ignore[no-any-return]
