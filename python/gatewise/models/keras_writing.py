"""Files that Keras 3 reads, of models whose layers both libraries have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.io.keras_archive import write_archive
from gatewise.layers import InputLayer, Layer
from gatewise.layers.symbol import Symbol
from gatewise.models.graph import Graph
from gatewise.models.keras_format import HAS_SEED, SHARED_LAYERS
from gatewise.models.sequential import Sequential
from gatewise.registry import Config

if TYPE_CHECKING:
    from gatewise.models.base import BaseModel


def write_keras_model(model: BaseModel, filepath: str | os.PathLike[str]) -> None:
    """Writes a model that Keras 3 can load; without the optimizer's state.

    Raises
    ------
    ImportError
        The extra `keras` is not installed.
    ValueError
        The model is not built, or has a layer that Keras does not have.
    """
    layers = _weight_layers(model)
    for layer in layers:
        if type(layer).__name__ not in SHARED_LAYERS:
            raise ValueError(
                f"{os.fspath(filepath)}: expected layers that Keras has, got {layer.name!r} of "
                f"class {type(layer).__name__}; save as .gatewise"
            )
    is_sequential = isinstance(model, Sequential)
    config: Config = {
        "module": "keras" if is_sequential else "keras.src.models.functional",
        "class_name": "Sequential" if is_sequential else "Functional",
        "config": _sequential_config(model) if is_sequential else _functional_config(model),
        "registered_name": None if is_sequential else "Functional",
    }
    if settings := model.get_compile_config():
        config["compile_config"] = {
            key: _with_modules(value, key) for key, value in settings.items()
        }
    weights = [_stored(layer) for layer in layers]
    names = [(type(layer).__name__, layer.name) for layer in layers]
    write_archive(filepath, config, names, weights)


def _weight_layers(model: BaseModel) -> list[Layer]:
    """The layers as Keras numbers them: those of a `Sequential` with its input in front."""
    inputs = [symbol.node.layer for symbol in model.inputs]
    return [*inputs, *[layer for layer in model.layers if not isinstance(layer, InputLayer)]]


def _stored(layer: Layer) -> list[Any]:
    arrays = layer.get_weights() if layer.parameters() else []
    # Keras keeps the count of rows that a Normalization saw.
    return [*arrays, np.zeros((), np.int32)] if type(layer).__name__ == "Normalization" else arrays


def _sequential_config(model: BaseModel) -> Config:
    layers = _weight_layers(model)
    shape = list(model.inputs[0].shape)
    return {
        "name": model.name,
        "trainable": True,
        "layers": [_described(layer) for layer in layers],
        "build_input_shape": shape,
    }


def _functional_config(model: BaseModel) -> Config:
    nodes: dict[str, list[Any]] = {layer.name: [] for layer in _weight_layers(model)}
    calls: dict[int, tuple[str, int]] = {
        id(symbol): (symbol.node.layer.name, 0) for symbol in model.inputs
    }
    for node in Graph.trace(model.inputs, model.outputs).nodes:
        name = node.layer.name
        references = [_reference(symbol, calls) for symbol in node.inputs]
        arguments = [references] if node.layer.takes_several else references
        calls[id(node.output)] = (name, len(nodes[name]))
        nodes[name].append({"args": arguments, "kwargs": {}})
    layers = [
        {**_described(layer), "name": layer.name, "inbound_nodes": nodes[layer.name]}
        for layer in _weight_layers(model)
    ]

    def ends(symbols: list[Symbol], keys: Any) -> Any:
        found = [[*calls[id(symbol)], 0] for symbol in symbols]
        return found if keys is None else dict(zip(keys, found, strict=True))

    return {
        "name": model.name,
        "trainable": True,
        "layers": layers,
        "input_layers": ends(model.inputs, model.input_keys),
        "output_layers": ends(model.outputs, model.output_keys),
    }


def _reference(symbol: Symbol, calls: dict[int, tuple[str, int]]) -> Config:
    name, node = calls[id(symbol)]
    history = [name, node, 0]
    config = {"shape": list(symbol.shape), "dtype": symbol.dtype, "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": config}


def _described(layer: Layer) -> Config:
    """A layer as Keras describes it."""
    kind = type(layer).__name__
    settings = {key: _with_modules(value, key) for key, value in layer.get_config().items()}
    if kind == "InputLayer":
        shape = [None, *settings.pop("shape")]
        settings = {"batch_shape": shape, "dtype": "float32", **settings}
    elif kind not in HAS_SEED:
        settings.pop("seed", None)
    if kind.startswith("SpatialDropout"):
        settings.pop("trainable")  # not an argument in Keras
    if kind == "Normalization":  # its statistics are stored as those that `adapt` found
        settings["mean"] = settings["variance"] = None
    described = {"module": "keras.layers", "class_name": kind, "config": settings}
    build = {} if kind == "InputLayer" else {"build_config": {"input_shape": layer.input_shape}}
    return {**described, "registered_name": None, **build}


_MODULES = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "optimizer": "keras.optimizers",
    "rate": "keras.optimizers.schedules",
    "loss": "keras.losses",
    "metrics": "keras.metrics",
}
"""Where Keras finds the class of a setting, by the last word of the setting's name."""


def _with_modules(value: Any, name: str = "") -> Any:
    """A setting with the module of its class, by which Keras finds it."""
    if isinstance(value, list | tuple):
        return [_with_modules(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"class_name", "config"}:
        return {key: _with_modules(each, name) for key, each in value.items()}
    settings = {key: _with_modules(each, key) for key, each in value["config"].items()}
    settings.pop("dense_updates", None)
    module = _MODULES.get(name.rpartition("_")[2], "keras")
    kind = value["class_name"]
    return {"module": module, "class_name": kind, "config": settings, "registered_name": None}
