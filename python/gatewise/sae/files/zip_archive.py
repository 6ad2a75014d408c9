"""Zip archives, with one error for all the ways in which one can be damaged."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_archive(path: Path, kind: str) -> Iterator[zipfile.ZipFile]:
    """The archive, for a `with` statement.

    Raises
    ------
    ValueError
        It is none, truncated, altered or encrypted, which a member's reading may find out, or the
        statement's body raises ValueError; names the path.
    OSError
        It cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.header_offset < 0 for member in archive.infolist()):
                raise zipfile.BadZipFile("a member lies before its start")
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole {kind}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
