"""Checks of the names of files to write."""

from __future__ import annotations

import os


def check_suffix(filepath: str | os.PathLike[str]) -> None:
    """ValueError for the suffixes of Keras' formats, whose readers refuse files of this package."""
    name = os.fspath(filepath)
    if name.endswith((".keras", ".h5", ".hdf5")):
        raise ValueError(
            "filepath: expected another suffix than those of Keras' formats, such as .gatewise, "
            f"got {name}"
        )
