"""Reading the file of any model."""

from __future__ import annotations

import os
from typing import Any

from gatewise.io.container import read_file
from gatewise.io.group_file import is_group, restore_group
from gatewise.io.model_file import restore_model
from gatewise.io.saved import find_format
from gatewise.utils.checks import check_defaults
from gatewise.utils.file_names import is_keras_name


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Reads a model that `save_model`, or its own `save`, wrote.

    Parameters
    ----------
    filepath : path
        The file; one that ends in `.keras` is of Keras 3, where its layers are here too (extra
        `keras`).
    custom_objects : None
        Not supported: a file names classes of this package only.
    compile : bool
        Whether the model comes back compiled, its optimizer as it was; training then goes on as if
        it had not stopped.
    safe_mode : bool
        True: nothing in a file is ever run.

    Returns
    -------
    Model
        Of the class that was saved; `SparseCodeExperts` or `decompose.SparseExperts` likewise.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is truncated, altered or none of ours; the message names file and field.
    TypeError
        An argument is not supported.
    """
    given: dict[str, object] = {"custom_objects": custom_objects, "safe_mode": safe_mode}
    check_defaults("load_model", given, {"custom_objects": None, "safe_mode": True})
    if is_keras_name(filepath):
        return find_format("read_keras")(filepath, compile)
    container, source = read_file(filepath, "model"), os.fspath(filepath)
    if is_group(container):
        return restore_group(container, source, compile)
    return restore_model(container, source, compile)
