"""Atomic writing of folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from gatewise.utils.disk import flush_folder, temporary_path, write_new


def write_folder(path: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Writes a folder of `files` completely or not at all.

    The files are written to a temporary folder in the same directory and flushed to disk; then the
    folder is renamed. An existing folder is renamed right before, deleted right after, and restored
    if the renaming fails.

    Raises
    ------
    FileExistsError
        `path` exists, and `overwrite` is False.
    ValueError
        `path` is to be overwritten, but is not a folder or has other files than those to write.
    OSError
        The folder cannot be written.
    """
    target = Path(os.path.realpath(path))
    is_old = os.path.lexists(target)
    if is_old:
        _check_replaceable(target, files, overwrite)
    temporary, retired = temporary_path(target), temporary_path(target)
    try:
        temporary.mkdir()
        for name, data in files.items():
            write_new(temporary / name, data)
        flush_folder(temporary)
        if is_old:
            target.rename(retired)
        try:
            temporary.rename(target)
        except BaseException:
            if is_old:
                retired.rename(target)
            raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    flush_folder(target.parent)
    if is_old:
        shutil.rmtree(retired)


def _check_replaceable(target: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    if not overwrite:
        raise FileExistsError(f"{target}: exists already; overwrite=True replaces it")
    if not target.is_dir():
        raise ValueError(f"{target}: expected a folder to overwrite, got a file")
    others = sorted({entry.name for entry in target.iterdir()} - set(files))
    if others:
        raise ValueError(
            f"{target}: expected nothing but {' and '.join(files)} in a folder to overwrite, "
            f"got {', '.join(others[:5])}"
        )
