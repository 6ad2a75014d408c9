"""Folders that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from gatewise.io.disk import flush_folder, temporary_path, write_new


def write_folder(path: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Makes a folder of `files`, complete before it gets its name.

    The files go to a temporary folder beside it and are flushed to the disk; the folder is renamed.
    An older folder is renamed out of the way right before, deleted right after, and put back if the
    renaming fails.

    Raises
    ------
    FileExistsError
        There is something at `path`, and `overwrite` is false.
    ValueError
        It is to be overwritten, but is no folder or has files other than those to be written.
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
