"""The one file format: safetensors, with configuration and checksums, written whole or not at all.

Any reader of safetensors opens such a file. Its metadata holds, as strings:

| key | holds |
|---|---|
| `format`, `format_version` | `gatewise`, `2` |
| `content` | what the file is: `model`, `weights` or `checkpoint` |
| `config`, `config_crc32` | a JSON object; the CRC-32 of its UTF-8 bytes, 8 hexadecimal digits |
| `tensors` | JSON: for each tensor its `dtype`, `shape` and `crc32` of its bytes |

Files of version 1 are read with the names of `io.format_1`.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.io import format_1
from gatewise.io.header import FORMAT, FORMAT_VERSION, read_header
from gatewise.io.safetensors import Parts, dtype_name, file_parts
from gatewise.registry import Config
from gatewise.utils.disk import replace_file

Tensors: TypeAlias = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Container:
    """What a file holds: a JSON configuration and named arrays."""

    config: Config
    tensors: Tensors


def to_bytes(content: str, config: Config, tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The file's bytes.

    Parameters
    ----------
    content : str
        What the file is: `"model"`, `"weights"` or `"checkpoint"`.
    config : dict
        JSON values only.
    tensors : mapping of str to ndarray
        Any shape, of float32, float64, an integer type or bool; made contiguous here.
    """
    return b"".join(_parts(content, config, tensors))


def _parts(content: str, config: Config, tensors: Mapping[str, npt.NDArray[Any]]) -> Parts:
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    # ascontiguousarray makes a scalar one-dimensional; the file keeps the shape that was given.
    arrays = {name: array.reshape(tensors[name].shape) for name, array in arrays.items()}
    text = json.dumps(config)
    manifest = {name: _describe(array) for name, array in arrays.items()}
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "content": content,
        "config": text,
        "config_crc32": crc32_hex(text.encode()),
        "tensors": json.dumps(manifest),
    }
    return file_parts(arrays, metadata)


def from_bytes(data: bytes, source: str, *contents: str) -> Container:
    """What `to_bytes` wrote, with every checksum compared.

    Parameters
    ----------
    data : bytes
        A whole file.
    source : str
        What an error calls it: the path.
    *contents : str
        What the file may be.

    Raises
    ------
    ValueError
        The bytes are truncated, altered, of another format or of a later format version, or hold
        something else; the message names `source` and the field.
    """
    header = read_header(data, source)
    if header.content not in contents:
        expected = " or ".join(map(repr, contents))
        raise ValueError(f"{source}: content: expected {expected}, got {header.content!r}")
    if crc32_hex(header.config_text.encode()) != header.config_crc32:
        raise ValueError(f"{source}: config: its checksum differs, the file is altered")
    config = json.loads(header.config_text)
    if not isinstance(config, dict):
        raise ValueError(f"{source}: config: expected a JSON object")
    tensors: Tensors = {}
    for name, field in header.fields.items():
        if crc32_hex(field.data) != field.crc32:
            raise ValueError(
                f"{source}: tensor {name!r}: its checksum differs, the file is altered"
            )
        array = np.frombuffer(field.data, field.dtype).reshape(field.shape)
        tensors[name] = array if array.flags.aligned else array.copy()
    if header.version == "1":
        config = format_1.renamed_config(config, header.content)
        tensors = format_1.renamed_tensors(tensors)
    return Container(config, tensors)


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Within it, a wrong configuration, or one that lacks a key, is a ValueError."""
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{source}: config: expected {error}, found none") from error
    except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
        if str(error).startswith(source):
            raise
        raise ValueError(f"{source}: config: {error}") from error


def write_file(
    path: str | os.PathLike[str],
    content: str,
    config: Config,
    tensors: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Writes the file; whatever happens, `path` holds the old file or the new one, whole."""
    replace_file(Path(os.path.realpath(path)), _parts(content, config, tensors))


def read_file(path: str | os.PathLike[str], *contents: str) -> Container:
    """Reads what `write_file` wrote; OSError if it cannot be read, ValueError as `from_bytes`."""
    return from_bytes(Path(path).read_bytes(), os.fspath(path), *contents)


def crc32_hex(data: bytes | bytearray | memoryview) -> str:
    """The CRC-32 of zlib and PNG, as 8 hexadecimal digits."""
    return f"{zlib.crc32(data):08x}"


def _describe(array: npt.NDArray[Any]) -> Config:
    return {
        "dtype": dtype_name(array.dtype),
        "shape": list(array.shape),
        "crc32": crc32_hex(array.data),
    }
