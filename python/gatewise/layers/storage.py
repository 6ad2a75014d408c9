"""Storage of a layer's kernels: float32, or fewer bytes for prediction only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gatewise.dtype_policies import FLOAT32 as FLOAT32
from gatewise.dtype_policies import MIXED

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.dtype_policies import DTypePolicy
    from gatewise.registry import Config, NativeOptions

INT4: Final = "int4"
BYTES: Final = {FLOAT32: 4, "bfloat16": 2, "int8": 1, INT4: 1}
"""Bytes per stored value; one of int4 is two weights."""
BLOCK_SIZES: Final = (32, 64, 128)
"""Rows of a kernel that may share a scale in int4."""
SPARSE: Final = "sparse"
"""Storage of a compressed kernel, whose nonzeros are separate parameters."""
INTEGER_BYTES: Final = {"uint8": 1, "uint16": 2, "int32": 4, SPARSE: 0}
"""Bytes per scale of a block, or index of a nonzero; 0 for the compressed kernel itself."""


def check_storage(argument: str, value: object) -> str:
    """`value`, if it names a storage type; ValueError otherwise."""
    if isinstance(value, str) and value in BYTES:
        return value
    raise ValueError(f"{argument}: expected one of {', '.join(BYTES)}, got {value!r}")


def check_quantized_storage(argument: str, value: object) -> str:
    """`value`, if it is "bfloat16", "int8" or "int4"; ValueError otherwise."""
    if value == FLOAT32 or not isinstance(value, str) or value not in BYTES:
        raise ValueError(f"{argument}: expected 'bfloat16', 'int8' or 'int4', got {value!r}")
    return value


def check_block_size(value: object) -> int:
    """`value`, if it is one of `BLOCK_SIZES`; ValueError otherwise."""
    for size in BLOCK_SIZES:
        if value == size and not isinstance(value, bool):
            return size
    raise ValueError(f"block_size: expected one of {BLOCK_SIZES}, got {value!r}")


class StoredKernels:
    """The part of a layer whose kernels `quantize` stores in fewer bytes.

    `storage` and `block_size` are no constructor arguments: they are in the settings of quantized
    layers alone, `block_size` in those of int4.
    """

    storage: str
    block_size: int = 0
    dtype_policy: DTypePolicy

    def with_storage(self, config: Config) -> Config:
        """Settings, with the storage of a quantized layer."""
        if self.storage == FLOAT32:
            return config
        return {**config, **storage_settings(self.storage, self.block_size)}

    def products(self) -> NativeOptions:
        """The core's option for products in bfloat16 of float32 weights."""
        return {"products": "bfloat16"} if self.types() == MIXED else {}

    def types(self) -> str:
        """What the layer stores or multiplies in, if not float32; else ""."""
        if self.storage != FLOAT32:
            return self.storage
        return "" if self.dtype_policy.name == FLOAT32 else self.dtype_policy.name

    @property
    def compute_dtype(self) -> str:
        """The type of the factors of its products."""
        if self.storage == FLOAT32:
            return self.dtype_policy.compute_dtype
        return "bfloat16" if self.storage == "bfloat16" else "int8"

    def describe(self) -> str:
        text: str = super().describe()  # type: ignore[misc]  # of the layer
        return " ".join(filter(None, (text, self.types())))

    @classmethod
    def from_config(cls, config: Config) -> Self:
        # Settings without a type are of float32, whatever the default policy is now.
        settings = {"dtype": FLOAT32, **config}
        storage, block_size = take_storage(settings)
        layer: Self = super().from_config(settings)  # type: ignore[misc]  # of the layer
        layer.set_storage(storage, block_size)
        return layer

    def set_storage(self, storage: str, block_size: int) -> None:
        """Sets how kernels are stored, before the layer is built."""
        self.storage = storage
        self.block_size = block_size


def storage_settings(storage: str, block_size: int) -> Config:
    """The settings that describe how kernels are stored."""
    block = {"block_size": block_size} if storage == INT4 else {}
    return {"storage": storage, **block}


def take_storage(settings: Config) -> tuple[str, int]:
    """Storage and block size, taken out of settings."""
    storage = check_storage("storage", settings.pop("storage", FLOAT32))
    return storage, check_block_size(settings.pop("block_size", None)) if storage == INT4 else 0


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
