"""How a layer's kernels are stored: float32, or for serving alone in less."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gatewise.layers.parameters import ParameterOwner

FLOAT32: Final = "float32"
BYTES: Final = {FLOAT32: 4, "bfloat16": 2, "int8": 1}
"""Bytes of one value."""
SPARSE: Final = "sparse"
"""Of a kernel that is stored in its entries, parameters of their own."""
INDEX_BYTES: Final = {"uint16": 2, "int32": 4, SPARSE: 0}
"""Bytes of one of their numbers."""


def check_storage(argument: str, value: object) -> str:
    """The storage of this name; ValueError if there is none."""
    if isinstance(value, str) and value in BYTES:
        return value
    raise ValueError(f"{argument}: expected one of {', '.join(BYTES)}, got {value!r}")


def check_quantized_storage(argument: str, value: object) -> str:
    """The same for those of 2 and 1 byte."""
    if value == FLOAT32 or not isinstance(value, str) or value not in BYTES:
        raise ValueError(f"{argument}: expected 'bfloat16' or 'int8', got {value!r}")
    return value


def first_quantized(layers: Iterable[ParameterOwner]) -> ParameterOwner | None:
    """The first layer with a kernel in less than float32, which cannot be trained or set."""
    return next((layer for layer in layers if layer.storage != FLOAT32), None)


def refuse_quantized(call: str, layers: Iterable[ParameterOwner]) -> None:
    """ValueError if a layer has a kernel in less than float32."""
    layer = first_quantized(layers)
    if layer is not None:
        raise ValueError(
            f"{call}: expected float32 weights, got layer {layer.name!r} in {layer.storage}, which "
            "is for prediction alone; use the model that it was made from, then quantize or "
            "compress that"
        )
