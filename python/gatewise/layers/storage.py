"""Storage of a layer's kernels: float32, or fewer bytes for prediction only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.registry import Config

FLOAT32: Final = "float32"
BYTES: Final = {FLOAT32: 4, "bfloat16": 2, "int8": 1}
"""Bytes per value."""
SPARSE: Final = "sparse"
"""Storage of a compressed kernel, whose nonzeros are separate parameters."""
INDEX_BYTES: Final = {"uint16": 2, "int32": 4, SPARSE: 0}
"""Bytes per index of a nonzero; 0 for the compressed kernel itself."""


def check_storage(argument: str, value: object) -> str:
    """`value`, if it names a storage type; ValueError otherwise."""
    if isinstance(value, str) and value in BYTES:
        return value
    raise ValueError(f"{argument}: expected one of {', '.join(BYTES)}, got {value!r}")


def check_quantized_storage(argument: str, value: object) -> str:
    """`value`, if it is "bfloat16" or "int8"; ValueError otherwise."""
    if value == FLOAT32 or not isinstance(value, str) or value not in BYTES:
        raise ValueError(f"{argument}: expected 'bfloat16' or 'int8', got {value!r}")
    return value


class StoredKernels:
    """The part of a layer whose kernels `quantize` stores in fewer bytes.

    `storage` is no constructor argument: it is in the settings of quantized layers alone.
    """

    storage: str

    def with_storage(self, config: Config) -> Config:
        """Settings, with the storage of a quantized layer."""
        return config if self.storage == FLOAT32 else {**config, "storage": self.storage}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        settings = dict(config)
        storage = check_storage("storage", settings.pop("storage", FLOAT32))
        layer: Self = super().from_config(settings)  # type: ignore[misc]  # of the layer
        layer.storage = storage
        return layer


class Stored(Protocol):
    """A layer with a storage type of its kernels."""

    name: str
    storage: str


S = TypeVar("S", bound=Stored)


def first_quantized(layers: Iterable[S]) -> S | None:
    """The first quantized or compressed layer, which cannot be trained or set; else None."""
    return next((layer for layer in layers if layer.storage != FLOAT32), None)


def refuse_quantized(call: str, layers: Iterable[Stored]) -> None:
    """Raises ValueError if a layer is quantized or compressed."""
    layer = first_quantized(layers)
    if layer is not None:
        raise ValueError(
            f"{call}: expected float32 weights, got layer {layer.name!r} in {layer.storage}, which "
            "is for prediction only; use the float32 model that it was created from, then quantize "
            "or compress that"
        )
