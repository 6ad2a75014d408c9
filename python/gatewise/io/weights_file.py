"""Files of weights, and the weights in files of models.

A tensor is called `weights/<layer>/<parameter>`; the configuration lists the layers in order, so
that weights find their place in a model whose layers have other names.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatewise.io.container import Container, Tensors, read_file, reading, write_file
from gatewise.registry import Config
from gatewise.utils.file_names import check_suffix

if TYPE_CHECKING:
    from gatewise.io.saved import SavedLayer

_PREFIX = "weights"
_FILE_DTYPES = {"bfloat16": "uint16", "int4": "uint8"}
"""Of storage types that NumPy lacks: the bits of bfloat16, two codes of int4 in a byte."""

_LATER_STATE = "balance_bias"
"""What files lack of layers that had no balance by default when they were written: it was 0."""


def save_weights(
    layers: Sequence[SavedLayer], filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """See `Model.save_weights`."""
    check_target(filepath, overwrite)
    write_file(filepath, "weights", {"layers": list_weights(layers)}, weight_tensors(layers))


def load_weights(
    layers: Sequence[SavedLayer], filepath: str | os.PathLike[str], skip_mismatch: bool = False
) -> None:
    """See `Model.load_weights`; takes a file of a whole model too."""
    source = os.fspath(filepath)
    container = read_file(filepath, "weights", "model")
    with reading(source):
        set_layers = put_weights(layers, container, source, skip_mismatch)
    for layer in set_layers:
        layer.settle()


def list_weights(layers: Sequence[SavedLayer]) -> list[Config]:
    """The layers that have parameters, in order, with the names of those."""
    return [
        {"name": layer.name, "parameters": [each.name for each in layer.stored_parameters()]}
        for layer in _owners(layers)
    ]


def weight_tensors(layers: Sequence[SavedLayer]) -> Tensors:
    """The parameters of layers, by their names in files."""
    return {
        f"{_PREFIX}/{layer.name}/{name}": value
        for layer in _owners(layers)
        for name, value in layer.stored_weights().items()
    }


def put_weights(
    layers: Sequence[SavedLayer], container: Container, source: str, skip_mismatch: bool = False
) -> list[SavedLayer]:
    """Sets the layers' parameters from a file that was read; none if one does not fit.

    Returns the layers that were set: all with parameters, unless `skip_mismatch` left some out.

    Raises
    ------
    ValueError
        The file's layers or parameters are others, stored otherwise, or damaged; names `source`
        and the field.
    """
    listed = container.config["layers"]
    owners = _owners(layers)
    if len(listed) != len(owners):
        raise ValueError(
            f"{source}: layers: expected {len(owners)} with parameters ("
            f"{', '.join(layer.name for layer in owners)}), got {len(listed)} ("
            f"{', '.join(each['name'] for each in listed)})"
        )
    fitting: list[tuple[SavedLayer, Tensors]] = []
    for layer, each in zip(owners, listed, strict=True):
        try:
            weights = _fitting_weights(layer, each, container.tensors, source)
            _check_stored_weights(layer, weights, f"{source}: layer {each['name']!r}")
            fitting.append((layer, weights))
        except ValueError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"{layer.name} keeps its weights: {error}", stacklevel=4)
    for layer, weights in fitting:
        layer.set_stored_weights(weights)
    return [layer for layer, _ in fitting]


def check_target(
    filepath: str | os.PathLike[str], overwrite: bool, allows_keras: bool = False
) -> None:
    """Raises an error if a file must not be written there.

    Raises
    ------
    FileExistsError
        The file is there and must not be replaced.
    ValueError
        The name is that of a format of Keras.
    """
    check_suffix(filepath, allows_keras)
    if not overwrite and os.path.exists(filepath):
        raise FileExistsError(f"{os.fspath(filepath)}: expected no file there, as overwrite=False")


def _owners(layers: Sequence[SavedLayer]) -> list[SavedLayer]:
    return [layer for layer in layers if layer.parameters()]


def _check_stored_weights(layer: SavedLayer, weights: Tensors, where: str) -> None:
    try:
        layer.check_stored_weights(weights)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _fitting_weights(layer: SavedLayer, listed: Config, tensors: Tensors, source: str) -> Tensors:
    """The arrays for a layer, by its parameters' names."""
    parameters = layer.stored_parameters()
    weights: Tensors = {}
    if _LATER_STATE not in listed["parameters"]:
        for each in parameters:
            if each.name == _LATER_STATE:
                weights[each.name] = np.zeros(each.shape, np.float32)
        parameters = [each for each in parameters if each.name != _LATER_STATE]
    if listed["parameters"] != [each.name for each in parameters]:
        raise ValueError(
            f"{source}: layer {listed['name']!r}: expected parameters "
            f"{', '.join(each.name for each in parameters)}, "
            f"got {', '.join(listed['parameters'])}"
        )
    for parameter in parameters:
        name = f"{_PREFIX}/{listed['name']}/{parameter.name}"
        if name not in tensors:
            raise ValueError(f"{source}: tensor {name!r}: expected it, found none")
        tensor = tensors[name]
        dtype = _FILE_DTYPES.get(parameter.storage, parameter.storage)
        if tensor.shape != parameter.stored_shape or tensor.dtype != dtype:
            raise ValueError(
                f"{source}: tensor {name!r}: expected {dtype} of shape {parameter.stored_shape}, "
                f"got {tensor.dtype} of shape {tensor.shape}"
            )
        weights[parameter.name] = tensor
    return weights
