"""Models for serving, whose experts hold their weights in 2 or 1 byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.layers.sparse_expert import SparseExpertLayer
from gatewise.layers.storage import check_quantized_storage, first_quantized
from gatewise.models.copying import clone_model

if TYPE_CHECKING:
    from typing import TypeVar

    from gatewise.layers import Layer
    from gatewise.models.base import BaseModel

    M = TypeVar("M", bound=BaseModel)


def quantized_model(model: M, kind: str) -> M:
    """See `Model.quantize`."""
    storage = check_quantized_storage("kind", kind)
    experts = [layer for layer in model.layers if isinstance(layer, SparseExpertLayer)]
    already = first_quantized(experts)
    if already is not None:
        raise ValueError(
            f"quantize: expected a model of float32 weights, got layer {already.name!r} in "
            f"{already.storage}; quantize the model that this one was made from"
        )
    if not experts:
        raise ValueError("quantize: expected a model with a SparseExpertLayer, got one without")
    for expert_layer in experts:
        if not expert_layer.built:
            raise ValueError(
                f"quantize: expected a built model, got layer {expert_layer.name!r} "
                "that has seen no input"
            )
    config = model.layer_settings()
    for described in config["layers"]:
        if described["class_name"] == SparseExpertLayer.__name__:
            described["config"]["storage"] = storage
    return clone_model(model, config, _copy_weights)


def _copy_weights(layer: Layer, copy: Layer) -> None:
    """Parameter by parameter, so that no second float32 copy of them all is ever held."""
    if layer.storage == copy.storage:
        copy.set_stored_weights(layer.stored_weights())
        return
    for parameter in layer.parameters():
        copy.native.set(parameter.name, layer.native.get(parameter.name))
