"""Zip archives, with one error type for all kinds of damage."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_archive(path: Path, kind: str) -> Iterator[zipfile.ZipFile]:
    """Context manager of an archive.

    Raises
    ------
    ValueError
        The file is not an archive, or is truncated, altered or encrypted, which may be detected
        only when a member is read; or the body of the `with` statement raises ValueError. The
        message names the path.
    OSError
        The file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.header_offset < 0 for member in archive.infolist()):
                raise zipfile.BadZipFile("a member starts before the archive")
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path}: expected a complete {kind}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
