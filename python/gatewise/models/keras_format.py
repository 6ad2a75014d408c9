"""Models from files of Keras 3, and files that Keras 3 reads, of layers that both have."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.io.keras_archive import read_archive, read_weights, write_archive
from gatewise.layers import Input, InputLayer, Layer
from gatewise.layers.base import LAYERS
from gatewise.layers.symbol import Symbol
from gatewise.models.functional import Model
from gatewise.models.graph import Graph
from gatewise.models.sequential import Sequential
from gatewise.registry import Config
from gatewise.training import pack
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.models.base import BaseModel

SHARED_LAYERS = frozenset(
    (
        *("Activation", "ActivityRegularization", "Add", "Average", "AveragePooling1D"),
        *("AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Concatenate"),
        *("Conv1D", "Conv2D", "Conv3D", "Cropping1D", "Cropping2D", "Cropping3D", "Dense"),
        *("Dot", "Dropout", "Embedding", "Flatten", "GaussianNoise"),
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "InputLayer"),
        *("LayerNormalization", "LeakyReLU", "MaxPooling1D", "MaxPooling2D"),
        *("MaxPooling3D", "Maximum", "Minimum", "Multiply", "Normalization", "Permute"),
        *("RMSNormalization", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Softmax"),
        *("Subtract", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D"),
        *("ZeroPadding2D", "ZeroPadding3D"),
    )
)
"""Classes with one name and one meaning in both libraries."""

_LAYER_OPTIONS = {"name", "trainable", "dtype"}
_HAS_SEED = {"Dropout", "GaussianNoise"}
_COMPILE = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")


def read_keras_model(filepath: str | os.PathLike[str], compile: bool = True) -> BaseModel:
    """The model of a `.keras` file, with its weights.

    Parameters
    ----------
    filepath : path
        The file.
    compile : bool
        Whether the model is compiled as the file says. The optimizer's state is not read.

    Raises
    ------
    OSError
        The file cannot be read.
    ImportError
        The extra `keras` is not installed.
    ValueError
        It is no such file; or it has a layer, or a setting of one, that is not here.
    """
    config, stored = read_archive(filepath)
    source = os.fspath(filepath)
    model = _model_from(config, source)
    layers = _weight_layers(model)
    classes = [type(layer).__name__ for layer in layers]
    for layer, arrays in zip(layers, read_weights(stored, source, classes), strict=True):
        kept = arrays[:2] if type(layer).__name__ == "Normalization" else arrays
        try:
            if kept or layer.parameters():
                layer.set_weights(kept)
        except ValueError as error:
            raise ValueError(f"{source}: layer {layer.name!r}: {error}") from error
    if compile and config.get("compile_config"):
        _compile(model, config["compile_config"], source)
    return model


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


def _model_from(config: Config, source: str) -> BaseModel:
    kind, settings = config["class_name"], config["config"]
    if kind == "Sequential":
        layers = [_layer_from(each, source) for each in settings["layers"]]
        model: BaseModel = Sequential(
            [each.output if isinstance(each, InputLayer) else each for each in layers],
            name=settings.get("name"),
        )
        if not model.built and settings.get("build_input_shape"):
            model.build(settings["build_input_shape"])
        return model
    if kind in ("Functional", "Model") and "input_layers" in settings:
        return _functional_from(settings, source)
    raise ValueError(f"{source}: expected a Sequential or functional model, got class {kind!r}")


def _functional_from(settings: Config, source: str) -> Model:
    layers = {each["config"]["name"]: _layer_from(each, source) for each in settings["layers"]}
    made: dict[tuple[str, int], Any] = {
        (name, 0): layer.output for name, layer in layers.items() if isinstance(layer, InputLayer)
    }
    calls = [
        (each["config"]["name"], index, node)
        for each in settings["layers"]
        for index, node in enumerate(each["inbound_nodes"])
    ]
    while calls:
        waiting = []
        for name, index, node in calls:
            arguments = list(_references(node["args"]))
            if any(each not in made for each in arguments):
                waiting.append((name, index, node))
                continue
            symbols = [made[each] for each in arguments]
            layer = layers[name]
            made[name, index] = layer(symbols if layer.takes_several else symbols[0])
        if len(waiting) == len(calls):
            raise ValueError(
                f"{source}: layer {calls[0][0]!r}: expected inputs that are in the file"
            )
        calls = waiting
    inputs, outputs = (
        pack([made[each] for each in _ends(ends)], list(ends) if isinstance(ends, dict) else None)
        for ends in (settings["input_layers"], settings["output_layers"])
    )
    return Model(inputs, outputs, name=settings.get("name"))


def _references(arguments: Any) -> Iterator[tuple[str, int]]:
    """Layer and call of each symbol among the arguments of a call."""
    if isinstance(arguments, dict) and arguments.get("class_name") == "__keras_tensor__":
        name, node, _ = arguments["config"]["keras_history"]
        yield name, node
    elif isinstance(arguments, list):
        for each in arguments:
            yield from _references(each)


def _ends(given: Any) -> list[tuple[str, int]]:
    if isinstance(given, dict):
        return [end for each in given.values() for end in _ends(each)]
    if given and isinstance(given[0], str):
        return [(given[0], given[1])]
    return [end for each in given for end in _ends(each)]


def _layer_from(described: Config, source: str) -> Layer:
    kind, settings = described["class_name"], described["config"]
    module = str(described.get("module", "keras.layers"))
    is_ours = module.startswith(("keras.layers", "keras.src.layers"))
    if kind not in SHARED_LAYERS or not is_ours:
        raise ValueError(
            f"{source}: layer {settings.get('name', kind)!r}: class {kind} of {module} is not here"
        )
    if kind == "InputLayer":
        shape = settings.get("batch_shape") or [None, *settings.get("shape", ())]
        symbol = Input(tuple(shape[1:]), dtype=settings.get("dtype"), name=settings["name"])
        layer: Layer = symbol.node.layer
        return layer
    cls = LAYERS.find(kind)
    try:
        return cls(**_known_settings(cls, settings))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source}: layer {settings.get('name')!r}: {error}") from error


def _known_settings(cls: Any, settings: Config) -> Config:
    """The settings that a class takes; others must be None or False, which have no effect."""
    names = {*inspect.signature(cls).parameters, *_LAYER_OPTIONS, *cls.keras_defaults}
    names |= {"seed"} if cls.__name__ in _HAS_SEED else set()
    known: Config = {}
    for name, value in settings.items():
        plain = _plain(value)
        if name == "dtype":
            plain = plain["config"]["name"] if isinstance(plain, dict) else plain
        if name in names and not (name == "dtype" and plain == "float32"):
            known[name] = plain
        elif name not in names and value not in (None, False):
            raise ValueError(f"{name}: no such setting here, got {value!r}")
    return known


def _plain(value: Any) -> Any:
    """A setting without what only Keras needs: modules, registered names, arguments of None."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value and "config" in value:
        config = value["config"]
        kept = {key: _plain(each) for key, each in config.items()} if config else {}
        if value["class_name"] in ("GlorotUniform", "GlorotNormal", "HeNormal", "HeUniform"):
            kept = {key: each for key, each in kept.items() if key == "seed"}
        return {"class_name": value["class_name"], "config": kept}
    return {key: _plain(each) for key, each in value.items()}


def _compile(model: BaseModel, settings: Config, source: str) -> None:
    """Compiles as a file says, or warns that its settings are not here."""
    given = {
        key: _without_none(_plain(settings[key]))
        for key in _COMPILE
        if settings.get(key) is not None
    }
    try:
        model.compile(**given)
    except (TypeError, ValueError) as error:
        warn_user(f"{source}: the model is not compiled, since its settings are not here: {error}")


def _without_none(value: Any) -> Any:
    """A configuration without arguments of None."""
    if isinstance(value, list):
        return [_without_none(each) for each in value]
    if isinstance(value, dict) and set(value) == {"class_name", "config"}:
        kept = {key: each for key, each in value["config"].items() if each is not None}
        return {"class_name": value["class_name"], "config": kept}
    return value


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
    elif kind not in _HAS_SEED:
        settings.pop("seed", None)
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
