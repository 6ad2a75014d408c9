"""Files of Keras 3: a zip of a configuration (JSON) and of weights (HDF5).

Weights lie at `layers/<class>[_<count>]/vars/<index>`, the class in snake case, counted in the
order of the model's layers; those of a model within the model below `layers/<class>[_<count>]`,
likewise. HDF5 needs the extra `keras` (h5py).
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gatewise._extras import import_extra
from gatewise.registry import Config, to_snake_case
from gatewise.utils.disk import replace_file

if TYPE_CHECKING:
    from gatewise._core import Floats

Weights: TypeAlias = "list[list[Floats]]"
Classes: TypeAlias = "str | tuple[str, list[Any]]"
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_VERSION = "3.12.0"
"""The version of Keras whose format is written."""


def read_archive(filepath: str | os.PathLike[str]) -> tuple[Config, bytes]:
    """The configuration of a file, and the bytes of its weights.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no file of Keras 3.
    """
    path = os.fspath(filepath)
    data = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            config = json.loads(archive.read(_CONFIG))
            weights = archive.read(_WEIGHTS)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{path}: expected a file of Keras 3, a zip archive: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise ValueError(f"{path}: {_CONFIG}: expected class_name and config")
    return config, weights


def read_weights(weights: bytes, source: str, classes: Sequence[Classes]) -> Weights:
    """The arrays of each layer, in the order of `classes`: the layers' class names.

    A model within the model is a pair of its class name and the classes of its layers.

    Raises
    ------
    ImportError
        The extra `keras` is not installed.
    ValueError
        The bytes are no HDF5 file of arrays.
    """
    h5py = import_extra("h5py", "keras")
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            return [_arrays(file, f"{folder}/vars") for folder in _folders(classes)]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{source}: {_WEIGHTS}: expected arrays in HDF5: {error}") from error


def write_archive(
    filepath: str | os.PathLike[str],
    config: Config,
    names: Sequence[tuple[str, str]],
    weights: Weights,
) -> None:
    """Writes a file: the old one or the new one is there whole, whatever happens.

    Parameters
    ----------
    filepath : path
        The file.
    config : dict
        The model, as Keras describes it.
    names : sequence of (str, str)
        Class and name of each layer.
    weights : list of lists of ndarray
        The arrays of each layer.
    """
    h5py = import_extra("h5py", "keras")
    stored = io.BytesIO()
    with h5py.File(stored, "w") as file:
        folders = folder_names([kind for kind, _ in names])
        for folder, (_, name), arrays in zip(folders, names, weights, strict=True):
            group = file.create_group(f"layers/{folder}/vars")
            group.attrs["name"] = name
            for index, array in enumerate(arrays):
                group.create_dataset(str(index), data=array)
        file.create_group("vars")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(_METADATA, json.dumps({"keras_version": _VERSION}))
        archive.writestr(_CONFIG, json.dumps(config))
        archive.writestr(_WEIGHTS, stored.getvalue())
    replace_file(Path(os.path.realpath(filepath)), [whole.getvalue()])


def folder_names(classes: Sequence[str]) -> Iterator[str]:
    """`dense`, `dense_1`, ...: where the weights of each layer lie."""
    counts: dict[str, int] = {}
    for name in map(to_snake_case, classes):
        count = counts[name] = counts.get(name, -1) + 1
        yield f"{name}_{count}" if count else name


def _folders(classes: Sequence[Classes], above: str = "") -> Iterator[str]:
    """The folder of each layer, those of models within in place of the models."""
    kinds = [each if isinstance(each, str) else each[0] for each in classes]
    for each, name in zip(classes, folder_names(kinds), strict=True):
        folder = f"{above}layers/{name}"
        if isinstance(each, str):
            yield folder
        else:
            yield from _folders(each[1], f"{folder}/")


def _arrays(file: Any, path: str) -> list[Floats]:
    if path not in file:
        return []
    group = file[path]
    keys = sorted(group, key=int)
    return [np.asarray(group[key], np.float32) for key in keys]
