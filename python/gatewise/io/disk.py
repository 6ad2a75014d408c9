"""Files that are on the disk when a function returns."""

import os
from pathlib import Path


def write_new(path: Path, data: bytes) -> None:
    """Writes a file that is not there yet and flushes it to the disk; OSError otherwise."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flushes a folder's entries, without which a power cut could undo a renaming in it."""
    if os.name != "posix":  # Windows flushes a folder's entries with the file and cannot open it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_path(path: Path) -> Path:
    """A name that nothing has yet, in the same folder, so that renaming moves no data."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
