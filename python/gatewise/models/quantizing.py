"""Models for serving, whose kernels take 2 bytes a value or fewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.layers.storage import (
    StoredKernels,
    check_block_size,
    check_quantized_storage,
    first_quantized,
    storage_settings,
)
from gatewise.models.copying import copy_model
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from gatewise.layers import Layer
    from gatewise.models.base import BaseModel

    M = TypeVar("M", bound=BaseModel)


def quantized_model(model: M, kind: str, dense: bool | None, block_size: int) -> M:
    """See `Model.quantize`."""
    storage = check_quantized_storage("kind", kind)
    block_size = check_block_size(block_size)
    chosen = _chosen_layers(model.layers, dense)
    already = first_quantized(chosen)
    if already is not None:
        raise ValueError(
            f"quantize: expected a model of float32 weights, got layer {already.name!r} in "
            f"{already.storage}; quantize the model that this one was made from"
        )
    for layer in chosen:
        if not layer.has_shape:
            raise ValueError(
                f"quantize: expected a built model, got layer {layer.name!r} that has seen no input"
            )
    settings = storage_settings(storage, block_size)
    config = model.stored_settings({layer.name for layer in chosen}, settings)
    return copy_model(model, config, _copy_weights)


def _chosen_layers(layers: Sequence[Layer], dense: bool | None) -> list[Layer]:
    experts: list[Layer] = [each for each in layers if isinstance(each, SparseExpertLayer)]
    others = [each for each in layers if isinstance(each, StoredKernels) and each not in experts]
    with_others = not experts if dense is None else check_flag("dense", dense)
    chosen = [*experts, *(others if with_others else [])]
    if not chosen:
        raise ValueError(
            "quantize: expected a model with a SparseExpertLayer, a SparseDictionary or Dense "
            "layers, got one without"
        )
    return chosen


def _copy_weights(layer: Layer, copy: Layer) -> None:
    """Parameter by parameter, so that no second float32 copy of them all is ever held."""
    if layer.storage == copy.storage:
        copy.set_stored_weights(layer.stored_weights())
        return
    for parameter in layer.parameters():
        copy.native.set(parameter.name, layer.native.get(parameter.name))
