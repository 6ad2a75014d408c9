"""Files of safetensors, in parts that are written one after the other.

The library's own writer copies all tensors into one buffer, and ends the process where there is no
memory for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Parts: TypeAlias = list[memoryview]

DTYPES: dict[str, type[np.generic]] = {
    "F32": np.float32,
    "F64": np.float64,
    "I8": np.int8,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "BOOL": np.bool_,
}
LENGTH_BYTES = 8
"""Size of the header's length at the start of a file; the header is padded to a multiple of it."""


def dtype_name(dtype: np.dtype[Any]) -> str:
    """The format's name of a NumPy dtype; TypeError for one that a file cannot hold."""
    for name, each in DTYPES.items():
        if dtype == each:
            return name
    raise TypeError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype}")


def file_parts(tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> Parts:
    """The bytes of a file, as parts of which all but the first are the tensors' own memory.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        C-contiguous. Those with larger values come first, so that all are aligned.
    metadata : mapping of str to str
        The header's `__metadata__`.

    Raises
    ------
    TypeError
        A dtype has no name in the format.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, offset = [], 0
    for name in sorted(tensors, key=lambda each: (-tensors[each].itemsize, each)):
        array = tensors[name]
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        parts.append(little.reshape(-1).view(np.uint8).data)
        header[name] = {
            "dtype": dtype_name(array.dtype),
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return [memoryview(len(text).to_bytes(LENGTH_BYTES, "little") + text), *parts]
