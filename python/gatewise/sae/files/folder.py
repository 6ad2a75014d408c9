"""Atomic writing of folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from gatewise.utils.disk import (
    flush_folder,
    locked_folder,
    remove_leftovers,
    temporary_path,
    write_new,
)


def write_folder(path: Path, files: Mapping[str, bytes], overwrite: bool) -> None:
    """Writes a folder of `files` completely or not at all.

    The files are written to a temporary folder in the same directory and flushed to disk; then the
    folder is renamed. An existing folder is renamed right before, deleted right after, and restored
    if the renaming fails. Temporary folders of killed processes are removed as soon as `path` holds
    the new one: until then they may be the only copy.

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
        with locked_folder(temporary):
            for name, data in files.items():
                write_new(temporary / name, data)
            flush_folder(temporary)
            if is_old:
                _replace_folder(temporary, target, retired)
            else:
                temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    flush_folder(target.parent)
    remove_leftovers(target)


def _replace_folder(new: Path, target: Path, retired: Path) -> None:
    with locked_folder(target):
        target.rename(retired)
        try:
            new.rename(target)
        except BaseException:
            retired.rename(target)
            raise
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
