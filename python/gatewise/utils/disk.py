"""Files and folders that are on the disk when a call returns, and what killed processes leave."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where leftovers stay
    fcntl = None  # type: ignore[assignment]

_CHUNK_BYTES = 32 << 20
"""Bytes that are written and flushed at once; between them Ctrl-C is seen."""
_NAME_BYTES = 200
"""Longer names are shortened in those of temporary files, which must fit 255 bytes."""
_UNLOCKED_SECONDS = 60
"""A temporary folder or empty file that is younger may be about to be locked."""


def replace_file(target: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Writes the file so that, whatever happens, `target` holds the old file or the new one.

    The bytes of all parts go to a temporary file in the same folder and are flushed to the disk;
    the file is renamed; then the folder is flushed. Temporary files of killed processes are removed
    before.
    """
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: expected its folder to exist, found none")
    remove_leftovers(target)
    temporary = temporary_path(target)
    with open(temporary, "xb") as file:
        try:
            _lock(
                file.fileno()
            )  # until it is renamed or removed: others see that its writer is alive
            _write(file, parts)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    flush_folder(target.parent)


def write_new(path: Path, data: bytes) -> None:
    """Writes a file that is not there yet and flushes it to the disk; OSError otherwise."""
    with open(path, "xb") as file:
        _write(file, [data])


def flush_folder(folder: Path) -> None:
    """Flushes a folder's entries, without which a power cut could undo a renaming in it."""
    if os.name != "posix":  # Windows flushes a folder's entries with the file and cannot open it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds a lock on a folder, also while it is renamed: others see that its writer is alive."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def temporary_path(path: Path) -> Path:
    """A name that nothing has yet, in the same folder, so that renaming moves no data."""
    return path.with_name(f"{_stem(path)}{os.urandom(4).hex()}.tmp")


def remove_leftovers(target: Path) -> None:
    """Removes temporary files and folders of `target` whose writing process is gone, no others."""
    if fcntl is None or not target.parent.is_dir():
        return
    pattern = re.compile(re.escape(_stem(target)) + r"[0-9a-f]{8}\.tmp")
    for name in os.listdir(target.parent):
        if pattern.fullmatch(name):
            _remove_if_abandoned(target.with_name(name))


def _remove_if_abandoned(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # renamed or removed in the meantime, or not ours
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(descriptor)
        is_old = time.time() - status.st_mtime > _UNLOCKED_SECONDS
        if stat.S_ISDIR(status.st_mode):
            if is_old:
                shutil.rmtree(path)
        elif status.st_size or is_old:
            path.unlink(missing_ok=True)
    except OSError:  # locked by its writer, or not ours
        return
    finally:
        os.close(descriptor)


def _stem(path: Path) -> str:
    name = path.name
    if len(os.fsencode(name)) > _NAME_BYTES:
        name = f"{zlib.crc32(os.fsencode(name)):08x}"
    return f".{name}."


def _lock(descriptor: int) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without locks: then nobody removes leftovers either
        return


def _write(file: BinaryIO, parts: Sequence[bytes | memoryview]) -> None:
    unflushed = 0
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), _CHUNK_BYTES):
            unflushed += file.write(view[start : start + _CHUNK_BYTES])
            if unflushed >= _CHUNK_BYTES:
                _flush(file)
                unflushed = 0
    _flush(file)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
