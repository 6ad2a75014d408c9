"""Files of models and weights, under the names of `keras.saving`."""

from __future__ import annotations

import os
from typing import Any

from gatewise.io import load_model, save_model
from gatewise.utils.checks import check_defaults
from gatewise.utils.public_names import public_names

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]


def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: None = None,
) -> None:
    """Writes a model's parameters alone to one file: `model.save_weights`.

    Parameters
    ----------
    model : Model
        A built one.
    filepath : path
        The file.
    overwrite : bool, default True
        Whether a file that is there may be replaced.
    max_shard_size : None
        Not supported: there is one file.

    Raises
    ------
    TypeError
        An argument is not supported.
    ValueError
        The model is not built.
    FileExistsError
        The file is there and `overwrite` is False.
    """
    check_defaults("save_weights", {"max_shard_size": max_shard_size}, {"max_shard_size": None})
    model.save_weights(filepath, overwrite)


def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Reads parameters that `save_weights` wrote into a model: `model.load_weights`.

    Parameters
    ----------
    model : Model
        A built one.
    filepath : path
        The file.
    skip_mismatch : bool, default False
        Whether layers whose parameters differ in name or shape keep theirs, with a warning.

    Raises
    ------
    ValueError
        The model is not built, or the file is none of ours or of other layers.
    OSError
        The file cannot be read.
    """
    model.load_weights(filepath, skip_mismatch)


def __dir__() -> list[str]:
    return public_names(globals())
