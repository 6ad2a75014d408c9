"""Models from files of Keras 3, of layers that both libraries have."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewise.io.keras_archive import Classes, read_archive, read_weights
from gatewise.layers import Input, InputLayer, Layer
from gatewise.layers.base import LAYERS
from gatewise.models.functional import Model
from gatewise.models.sequential import Sequential
from gatewise.registry import Config
from gatewise.training import pack
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.models.base import BaseModel

SHARED_LAYERS = frozenset(
    (
        *("Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average"),
        *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "BatchNormalization"),
        *("Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D"),
        *("Conv3DTranspose", "Cropping1D", "Cropping2D", "Cropping3D", "Dense", "DepthwiseConv1D"),
        *("DepthwiseConv2D", "Dot", "Dropout", "ELU", "Embedding", "Flatten", "GaussianDropout"),
        *("GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("GlobalMaxPooling3D", "Identity", "InputLayer", "LayerNormalization", "LeakyReLU"),
        *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "Minimum", "Multiply"),
        *("Normalization", "PReLU", "Permute", "RMSNormalization", "ReLU", "RepeatVector"),
        *("Rescaling", "Reshape", "SeparableConv1D", "SeparableConv2D", "Softmax"),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Subtract"),
        *("UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D"),
        *("ZeroPadding2D", "ZeroPadding3D"),
    )
)
"""Classes with one name and one meaning in both libraries."""

_FUNCTIONAL = ("Functional", "Model")
_LAYER_OPTIONS = {"name", "trainable", "dtype"}
HAS_SEED = {
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
}
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
    model, parts = _model_from(config, source)
    layers, classes = _layers_of(parts), _classes_of(parts)
    for layer, arrays in zip(layers, read_weights(stored, source, classes), strict=True):
        kept, needs_arrays = arrays, bool(layer.parameters())
        if type(layer).__name__ == "Normalization":
            kept = arrays[:2]  # without the count of rows
            needs_arrays = layer.get_config()["mean"] is None
        try:
            if kept or needs_arrays:
                layer.set_weights(kept)
        except ValueError as error:
            raise ValueError(f"{source}: layer {layer.name!r}: {error}") from error
    if compile and config.get("compile_config"):
        _compile(model, config["compile_config"], source)
    return model


@dataclass(frozen=True, eq=False, repr=False)
class _Part:
    """A layer of a file, or a model with its own parts."""

    kind: str
    made: Any
    parts: list[_Part] | None = None


def _layers_of(parts: Sequence[_Part]) -> list[Layer]:
    return [
        layer
        for part in parts
        for layer in ([part.made] if part.parts is None else _layers_of(part.parts))
    ]


def _classes_of(parts: Sequence[_Part]) -> list[Classes]:
    return [
        part.kind if part.parts is None else (part.kind, _classes_of(part.parts)) for part in parts
    ]


def _model_from(config: Config, source: str) -> tuple[BaseModel, list[_Part]]:
    """The model, and its parts in the order of the file."""
    kind, settings = config["class_name"], config["config"]
    if kind == "Sequential":
        parts = [_part_from(each, source) for each in settings["layers"]]
        layers = [each.made for each in parts]
        try:
            model: BaseModel = Sequential(
                [each.output if isinstance(each, InputLayer) else each for each in layers],
                name=settings.get("name"),
            )
        except TypeError as error:  # a model of branches
            raise ValueError(f"{source}: {error}") from error
        if not model.built and settings.get("build_input_shape"):
            model.build(settings["build_input_shape"])
        return model, parts
    if kind in _FUNCTIONAL and "input_layers" in settings:
        return _functional_from(settings, source)
    raise ValueError(f"{source}: expected a Sequential or functional model, got class {kind!r}")


def _part_from(described: Config, source: str) -> _Part:
    kind = described["class_name"]
    if kind in ("Sequential", *_FUNCTIONAL):
        model, parts = _model_from(described, source)
        return _Part(kind, model, parts)
    return _Part(kind, _layer_from(described, source))


def _functional_from(settings: Config, source: str) -> tuple[Model, list[_Part]]:
    parts = [_part_from(each, source) for each in settings["layers"]]
    layers = {
        each["config"]["name"]: part.made
        for each, part in zip(settings["layers"], parts, strict=True)
    }
    made: dict[tuple[str, int, int], Any] = {
        (name, 0, 0): layer.output
        for name, layer in layers.items()
        if isinstance(layer, InputLayer)
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
            several = len(symbols) > 1 or getattr(layer, "takes_several", False)
            found = layer(symbols if several else symbols[0])
            found = list(found.values()) if isinstance(found, dict) else found
            for at, symbol in enumerate(found if isinstance(found, list) else [found]):
                made[name, index, at] = symbol
        if len(waiting) == len(calls):
            raise ValueError(
                f"{source}: layer {calls[0][0]!r}: expected inputs that are in the file"
            )
        calls = waiting
    inputs, outputs = (
        pack([made[each] for each in _ends(ends)], list(ends) if isinstance(ends, dict) else None)
        for ends in (settings["input_layers"], settings["output_layers"])
    )
    return Model(inputs, outputs, name=settings.get("name")), parts


def _references(arguments: Any) -> Iterator[tuple[str, int, int]]:
    """Layer, call and output of each symbol among the arguments of a call."""
    if isinstance(arguments, dict) and arguments.get("class_name") == "__keras_tensor__":
        name, node, at = arguments["config"]["keras_history"]
        yield name, node, at
    elif isinstance(arguments, dict):
        for each in arguments.values():
            yield from _references(each)
    elif isinstance(arguments, list):
        for each in arguments:
            yield from _references(each)


def _ends(given: Any) -> list[tuple[str, int, int]]:
    if isinstance(given, dict):
        return [end for each in given.values() for end in _ends(each)]
    if given and isinstance(given[0], str):
        return [(given[0], given[1], given[2])]
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
    names |= {"seed"} if cls.__name__ in HAS_SEED else set()
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
        if value["class_name"] == "function":  # such as a loss of `keras.losses`
            return config
        return {"class_name": value["class_name"], "config": _plain(config or {})}
    return {key: _plain(each) for key, each in value.items()}


def _compile(model: BaseModel, settings: Config, source: str) -> None:
    """Compiles as a file says, or warns that its settings are not here."""
    given = {key: _plain(settings[key]) for key in _COMPILE if settings.get(key) is not None}
    try:
        model.compile(**given)
    except (TypeError, ValueError) as error:
        warn_user(f"{source}: the model is not compiled, since its settings are not here: {error}")
