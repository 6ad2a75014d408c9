"""The tensors of a file, checked when they are taken by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data.convert import Floats
from gatewise.io.safetensors import file_parts
from gatewise.sae.files.float_array import float_array

RAW_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}
"""Name of a tensor's type -> NumPy dtype of its bytes; bfloat16 is read as its 16 bits."""

_FLOATS = ("F32", "F64", "F16", "BF16")
_INTEGERS = ("I64", "I32", "I16", "I8", "U8")
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class RawTensor:
    """An array of a dtype in `RAW_DTYPES`, and the name of its type."""

    dtype: str
    array: npt.NDArray[Any]


class TensorFile:
    """Named tensors, each of which can be taken once.

    Parameters
    ----------
    source : str
        Name in error messages: the path of the file.
    tensors : mapping of str to RawTensor
        By name.
    """

    def __init__(self, source: str, tensors: Mapping[str, RawTensor]) -> None:
        self.source = source
        self._tensors = dict(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def shape(self, name: str) -> tuple[int, int]:
        """The shape of a matrix, which stays; ValueError if it is missing or not a matrix."""
        shape = self._find(name).array.shape
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"{self._where(name)}: expected a matrix, got shape {shape}")
        return int(shape[0]), int(shape[1])

    def take(self, name: str, shape: tuple[int, ...]) -> Floats:
        """A tensor of floats, widened to float32 or rounded from float64.

        Raises
        ------
        ValueError
            The tensor is missing, has another type or shape, or is not finite.
        """
        raw = self._find(name)
        if raw.dtype not in _FLOATS:
            raise ValueError(
                f"{self._where(name)}: dtype: expected one of {', '.join(_FLOATS)}, got {raw.dtype}"
            )
        array = raw.array
        if raw.dtype == "BF16":  # the upper 16 bits of a float32
            array = (array.astype(np.uint32) << 16).view(np.float32)
        del self._tensors[name]
        return float_array(self._where(name), array, shape)

    def take_transposed(self, name: str, shape: tuple[int, int]) -> Floats:
        """`take` of a tensor whose transpose is in the file; `shape` is that of the result."""
        return np.ascontiguousarray(self.take(name, shape[::-1]).T)

    def take_integers(self, name: str) -> list[int]:
        """The values of an integer tensor of one dimension or none; ValueError otherwise."""
        raw = self._find(name)
        if raw.dtype not in _INTEGERS or raw.array.ndim > 1:
            raise ValueError(
                f"{self._where(name)}: expected integers of one dimension or none, "
                f"got {raw.dtype} of shape {raw.array.shape}"
            )
        del self._tensors[name]
        return [int(value) for value in raw.array.reshape(-1)]

    def ignore(self, *names: str) -> None:
        """Drops tensors that are not used in encoding or decoding."""
        for name in names:
            self._tensors.pop(name, None)

    def check_all_used(self) -> None:
        """Raises ValueError if tensors are left: the dictionary might depend on them."""
        if self._tensors:
            raise ValueError(
                f"{self.source}: tensors: expected no further ones, got {', '.join(self._tensors)}"
            )

    def _find(self, name: str) -> RawTensor:
        if name not in self._tensors:
            found = ", ".join(sorted(self._tensors)) or "none"
            raise ValueError(f"{self._where(name)}: expected it in the file, which has {found}")
        return self._tensors[name]

    def _where(self, name: str) -> str:
        return f"{self.source}: tensor {name!r}"


def read_safetensors(path: Path) -> TensorFile:
    """The tensors of a safetensors file, read one by one.

    Raises
    ------
    ValueError
        The file is not a complete safetensors file, or has a type that is not in `RAW_DTYPES`.
    OSError
        The file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    size = path.stat().st_size
    try:
        # Rejects truncated files, gaps, overlapping offsets and offsets out of range.
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise ValueError(
            f"{path}: header: expected a complete safetensors file, got {size} other bytes: {error}"
        ) from None
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    start = _LENGTH_BYTES + length
    return TensorFile(str(path), {name: _raw(path, name, header[name], start) for name in header})


def safetensors_bytes(tensors: Mapping[str, Floats]) -> bytes:
    """A safetensors file of float32 tensors."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    return b"".join(file_parts(arrays, {}))


def _raw(path: Path, name: str, tensor_info: Mapping[str, Any], start: int) -> RawTensor:
    dtype, shape = tensor_info["dtype"], tensor_info["shape"]
    if dtype not in RAW_DTYPES:
        raise ValueError(
            f"{path}: tensor {name!r}: dtype: expected one of {', '.join(RAW_DTYPES)}, got {dtype}"
        )
    begin = start + tensor_info["data_offsets"][0]
    count = int(np.prod(shape, dtype=np.int64))
    array = np.fromfile(path, RAW_DTYPES[dtype], count, offset=begin)
    return RawTensor(dtype, array.reshape(shape))
