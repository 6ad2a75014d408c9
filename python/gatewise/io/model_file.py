"""Files of whole models.

The configuration holds the class and settings of the model, the seeds of its layers, and, of a
compiled model, what `compile` was given; the optimizer's arrays are tensors `trainer/<name>`.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from gatewise.io.container import (
    Container,
    Tensors,
    from_bytes,
    reading,
    to_bytes,
    write_file,
)
from gatewise.io.format_1 import renamed_classes
from gatewise.io.saved import MODELS, SavedModel, find_format
from gatewise.io.weights_file import check_target, list_weights, put_weights, weight_tensors
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults, check_flag
from gatewise.utils.file_names import is_keras_name
from gatewise.utils.json_values import names_of_objects
from gatewise.utils.value_limit import limited_values
from gatewise.utils.warn import warn_user

_TRAINER = "trainer/"
_MARGIN = 1 << 16
"""Values that a model may ask for beyond those of its file, 256 KB: a tensor that is missing or of
another shape is then reported by its name."""


def save_model(
    model: SavedModel,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: None = None,
    include_optimizer: bool = True,
) -> None:
    """Writes a model to one file: layers, weights, compile settings and optimizer state.

    Parameters
    ----------
    model : Model
        Built or not, compiled or not.
    filepath : path
        Any name; `.gatewise` is the custom. A name that ends in `.keras` gives a file of Keras 3,
        without the optimizer's state (extra `keras`).
    overwrite : bool
        Whether a file that is there may be replaced.
    zipped : None
        Not supported.
    include_optimizer : bool
        If False, the file has no state of the optimizer.

    Raises
    ------
    FileExistsError
        The file is there and `overwrite` is False.

    Notes
    -----
    The file is a safetensors file. It is written beside the old one and renamed: a crash leaves the
    old file or the new one, whole.
    """
    check_defaults("save_model", {"zipped": zipped}, {"zipped": None})
    check_target(filepath, overwrite, allows_keras=True)
    if is_keras_name(filepath):
        find_format("write_keras")(model, filepath)
        return
    include = check_flag("include_optimizer", include_optimizer)
    write_file(filepath, "model", *describe_model(model, include))


def model_to_bytes(model: SavedModel) -> bytes:
    """The bytes that `save_model` would write; what pickling and copying go through."""
    return to_bytes("model", *describe_model(model))


def model_from_bytes(data: bytes) -> Any:
    """The model that `model_to_bytes` described."""
    return restore_model(from_bytes(data, "pickled model", "model"), "pickled model", True)


def layer_from_bytes(data: bytes) -> Any:
    """The layer whose model of one layer the bytes describe; it goes on as that model."""
    model = model_from_bytes(data)
    layer = model.layers[0]
    layer.adopt_model(model)
    return layer


def model_from_json(json_string: str, custom_objects: None = None) -> Any:
    """A new model, with new weights, of the architecture that `model.to_json()` described.

    Names of version 1 of the file format are accepted, since the text has no version.

    Raises
    ------
    ValueError
        The text is no such description, or names an unknown class.
    """
    check_defaults("model_from_json", {"custom_objects": custom_objects}, {"custom_objects": None})
    return MODELS.get(renamed_classes(json.loads(json_string)), "model")


def describe_model(model: SavedModel, include_optimizer: bool = True) -> tuple[Config, Tensors]:
    """Configuration and tensors of a model's file.

    Without what `compile` was given, and with a warning, if functions or classes of the user are
    among it.
    """
    compiled = model.get_compile_config()
    if unknown := names_of_objects(compiled):
        warn_user(
            f"save: expected losses and metrics of this package, got {', '.join(unknown)}, which "
            "a file cannot hold: compile the model again after loading"
        )
        compiled, include_optimizer = {}, False
    built = [layer for layer in model.layers if layer.has_shape]
    config: Config = {
        **MODELS.serialize(model),
        "seed": model._training.seed,
        "states": [layer.get_state() for layer in model.layers],
        "layers": list_weights(built),
        "compile": compiled,
    }
    tensors = weight_tensors(built)
    state = model._training.trainer_state() if include_optimizer else {}
    tensors.update({_TRAINER + name: array for name, array in state.items()})
    return config, tensors


def restore_model(container: Container, source: str, compile: bool) -> Any:
    """The model that a file holds."""
    config = container.config
    # A byte may hold two codes of int4.
    held = sum(
        tensor.size * (2 if tensor.dtype == np.uint8 else 1)
        for tensor in container.tensors.values()
    )
    with reading(source):
        with limited_values(held + _MARGIN):
            model = MODELS.get({key: config[key] for key in ("class_name", "config")}, "model")
            for layer, state in zip(model.layers, config["states"], strict=True):
                layer.set_state(state)
            model._training.set_seed(config["seed"])
        put_weights([layer for layer in model.layers if layer.has_shape], container, source)
        if compile and config["compile"]:
            _restore_compiled(model, config["compile"], container.tensors)
    return model


def _restore_compiled(model: SavedModel, config: Config, tensors: Tensors) -> None:
    model.compile_from_config(config)
    state = {
        name.removeprefix(_TRAINER): array
        for name, array in tensors.items()
        if name.startswith(_TRAINER)
    }
    if state:
        model._training.set_trainer_state(state)
