"""The supported file formats, and how the format of a folder is recognised."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gatewise.sae.files import (
    dictionary_learning,
    gemma_scope,
    sae_lens,
    sentence_transformers,
    sparsify,
)
from gatewise.sae.files.configuration import read_configuration
from gatewise.sae.files.folder import write_folder
from gatewise.sae.files.stored_dictionary import StoredDictionary
from gatewise.utils.checks import check_flag


@dataclass(frozen=True)
class Format:
    """Format of a project.

    Parameters
    ----------
    weights : str
        Name of the file of tensors.
    read : callable
        Reads the dictionary of a folder.
    files : callable, optional
        From a dictionary to the bytes of each file; None if the format is read-only.
    settings : str, optional
        Name of the file of settings.
    keys : tuple of str
        Settings that must be present; else files of these names belong to another project.
    """

    weights: str
    read: Callable[[Path], StoredDictionary]
    files: Callable[[StoredDictionary], dict[str, bytes]] | None = None
    settings: str | None = None
    keys: tuple[str, ...] = ()

    def names(self) -> str:
        return f"{self.settings} and {self.weights}" if self.settings else self.weights

    def fits(self, folder: Path) -> bool:
        """Whether the folder has these files and the settings have these keys."""
        if not (folder / self.weights).is_file():
            return False
        if self.settings is None:
            return True
        settings = folder / self.settings
        if not settings.is_file():
            return False
        return not self.keys or set(self.keys) <= set(read_configuration(settings).values)


FORMATS: dict[str, Format] = {
    sae_lens.NAME: Format(sae_lens.WEIGHTS, sae_lens.read, sae_lens.files, sae_lens.SETTINGS),
    sparsify.NAME: Format(sparsify.WEIGHTS, sparsify.read, sparsify.files, sparsify.SETTINGS),
    dictionary_learning.NAME: Format(
        dictionary_learning.WEIGHTS,
        dictionary_learning.read,
        dictionary_learning.files,
        dictionary_learning.SETTINGS,
    ),
    gemma_scope.NAME: Format(gemma_scope.WEIGHTS, gemma_scope.read),
    sentence_transformers.NAME: Format(
        sentence_transformers.WEIGHTS,
        sentence_transformers.read,
        settings=sentence_transformers.SETTINGS,
        keys=("input_dim", "hidden_dim", "k"),
    ),
}


def read(path: str | os.PathLike[str], format: str | None = None) -> StoredDictionary:
    """Reads a dictionary from another project's files.

    Parameters
    ----------
    path : str or path
        The folder, or its file of tensors.
    format : str, optional
        A key of `FORMATS`; if omitted, recognised by the file names.

    Returns
    -------
    StoredDictionary

    Raises
    ------
    ValueError
        The format is unknown or not recognised; a file is truncated, altered or of another project;
        a tensor or setting is missing, has another shape or type, or is not finite; or a setting
        has no equivalent in `StoredDictionary`. The message names the file and the field.
    OSError
        A file cannot be read.

    Notes
    -----
    float16 and bfloat16 are widened to float32, float64 is rounded. Files cannot execute code.
    """
    location = Path(path)
    if not location.exists():
        raise FileNotFoundError(f"{location}: expected a folder or a file, found none")
    folder = location.parent if location.is_file() else location
    if format is not None:
        return _get(format).read(folder)
    fitting = [name for name, each in FORMATS.items() if each.fits(folder)]
    if location.is_file():
        fitting = [name for name in fitting if FORMATS[name].weights == location.name]
    if len(fitting) == 1:
        return FORMATS[fitting[0]].read(folder)
    if fitting:
        raise ValueError(f"{location}: format: expected one, got files of {' and '.join(fitting)}")
    known = "; ".join(f"{name}: {each.names()}" for name, each in FORMATS.items())
    raise ValueError(f"{location}: format: expected the files of one of {known}; found none")


def write(
    stored: StoredDictionary, path: str | os.PathLike[str], format: str, overwrite: bool = False
) -> None:
    """Writes a dictionary in another project's format.

    Parameters
    ----------
    stored : StoredDictionary
        Its c and s are folded into the weights, and, if the format treats b differently, b into the
        encoder's bias. Codes and reconstructions stay the same up to rounding.
    path : str or path
        The folder to write, completely or not at all.
    format : str
        `"sae_lens"`, `"sparsify"` or `"dictionary_learning"`.
    overwrite : bool
        Whether to replace an existing folder, which must have no other files.

    Raises
    ------
    ValueError
        The format is unknown or read-only or lacks the activation; or `path` is to be overwritten
        and has other files.
    TypeError
        `stored` is not a `StoredDictionary`.
    FileExistsError
        `path` exists, and `overwrite` is False.
    ImportError
        The format is `"dictionary_learning"`, and PyTorch cannot be imported.
    OSError
        The folder cannot be written.
    """
    if not isinstance(stored, StoredDictionary):
        raise TypeError(f"stored: expected a StoredDictionary, got {stored!r:.80}")
    check_flag("overwrite", overwrite)
    files = _get(format).files
    if files is None:
        writable = ", ".join(name for name, each in FORMATS.items() if each.files)
        raise ValueError(f"format: expected one of {writable} to write, got {format!r}")
    write_folder(Path(path), files(stored), overwrite)


def _get(format: str) -> Format:
    if format not in FORMATS:
        raise ValueError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
    return FORMATS[format]
