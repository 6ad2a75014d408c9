"""Checks of the names of files to write."""

from __future__ import annotations

import os


def check_suffix(filepath: str | os.PathLike[str], allows_keras: bool = False) -> None:
    """ValueError for the suffixes of Keras' formats, whose readers refuse files of this package.

    `.keras` is the suffix of whole models, which are written in that format.
    """
    name = os.fspath(filepath)
    if name.endswith((".h5", ".hdf5") if allows_keras else (".keras", ".h5", ".hdf5")):
        raise ValueError(
            "filepath: expected another suffix than those of Keras' formats, such as .gatewise, "
            f"got {name}"
        )


def is_keras_name(filepath: str | os.PathLike[str]) -> bool:
    """Whether a file has the suffix of whole models of Keras."""
    return os.fspath(filepath).endswith(".keras")
