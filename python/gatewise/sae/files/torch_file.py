"""The tensors of a PyTorch file, read without PyTorch and without executing code.

Such a file is an uncompressed zip archive: `<name>/data.pkl` describes tensors as views of
storages, and `<name>/data/<key>` has the bytes of a storage. `data.pkl` is a pickle program, which
can call any function of any module. Here its instructions are interpreted as data: no name is
imported, and the only supported calls are those for an ordered dictionary or a view of a storage.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from pickletools import genops
from typing import Any

import numpy as np

from gatewise.sae.files.tensors import RAW_DTYPES, RawTensor, TensorFile
from gatewise.sae.files.zip_archive import open_archive

_PROGRAM_BYTES = 1 << 24
"""Size limit of `data.pkl`; that of a dictionary has about 1000 bytes."""

_STORAGES = {
    "torch FloatStorage": "F32",
    "torch DoubleStorage": "F64",
    "torch HalfStorage": "F16",
    "torch BFloat16Storage": "BF16",
    "torch LongStorage": "I64",
    "torch IntStorage": "I32",
    "torch ShortStorage": "I16",
    "torch CharStorage": "I8",
    "torch ByteStorage": "U8",
    "torch BoolStorage": "BOOL",
}
_ORDERED_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"

_MAX_SIZE = 1 << 48
"""Limit of sizes, strides and offsets, so that byte counts fit 64 bits."""

_VALUES = {"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


def read_torch_file(path: Path) -> TensorFile:
    """The tensors of a state dictionary that `torch.save` wrote.

    Raises
    ------
    ValueError
        The file is not a complete archive of PyTorch 1.6 or later, or has other objects than
        tensors.
    OSError
        The file cannot be read.
    """
    with open_archive(path, "zip archive of PyTorch") as archive:
        folder = _folder(archive)
        views = _views(_member(archive, f"{folder}/data.pkl", _PROGRAM_BYTES))
        tensors = {name: _tensor(archive, folder, view) for name, view in views.items()}
    return TensorFile(str(path), tensors)


@dataclass(frozen=True)
class _Name:
    """A reference to a name in a module, as "module name"."""

    qualified_name: str


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _folder(archive: zipfile.ZipFile) -> str:
    programs = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(programs) != 1:
        raise ValueError(f"data.pkl: expected one in the archive, found {len(programs)}")
    folder = programs[0].removesuffix("/data.pkl")
    order = f"{folder}/byteorder"
    if order in archive.namelist() and _member(archive, order, 16) != b"little":
        raise ValueError("byteorder: expected little")
    return folder


def _member(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """The bytes of a member; zipfile verifies the checksum."""
    if name not in archive.namelist():
        raise ValueError(f"{name}: expected it in the archive, found none")
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > max_bytes:
        raise ValueError(
            f"{name}: expected at most {max_bytes} bytes, not compressed, got {info.file_size}"
        )
    return archive.read(info)


def _tensor(archive: zipfile.ZipFile, folder: str, view: _View) -> RawTensor:
    storage = view.storage
    dtype = np.dtype(RAW_DTYPES[storage.dtype])
    name = f"{folder}/data/{storage.key}"
    data = _member(archive, name, storage.count * dtype.itemsize)
    if len(data) != storage.count * dtype.itemsize:
        raise ValueError(
            f"{name}: expected {storage.count} of {storage.dtype}, got {len(data)} bytes"
        )
    if int(np.prod(view.shape, dtype=object)) > storage.count:
        raise ValueError(f"{name}: expected at most {storage.count} values, got {view.shape}")
    strides = [stride * dtype.itemsize for stride in view.strides]
    # NumPy raises an error if the view exceeds the buffer.
    array = np.ndarray(view.shape, dtype, data, view.offset * dtype.itemsize, strides)
    return RawTensor(storage.dtype, array)


def _views(program: bytes) -> dict[str, _View]:
    """The object of `data.pkl`, which must be a dictionary of tensors."""
    try:
        state_dict = _Unpickler().run(program)
    except (IndexError, KeyError, UnicodeDecodeError):
        raise ValueError("data.pkl: expected the state of a module, got a damaged one") from None
    except ValueError as error:
        raise ValueError(f"data.pkl: {error}") from None
    if not isinstance(state_dict, dict):
        raise ValueError(f"data.pkl: expected a dictionary of tensors, got {state_dict!r:.80}")
    for name, value in state_dict.items():
        if not isinstance(value, _View):
            raise ValueError(f"data.pkl: {name}: expected a tensor, got {value!r:.80}")
    return state_dict


class _Unpickler:
    """Interprets the instructions of a `data.pkl` with a stack and a memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        for operation, argument, _ in genops(program):
            name = operation.name
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _TUPLES:
                self.stack.append(self._pop_last(_TUPLES[name]))
            elif name == "STOP":
                return self.stack.pop()
            elif name != "PROTO":
                self._step(name, argument)
        raise ValueError("expected an end, found none")

    def _step(self, name: str, argument: Any) -> None:
        match name:
            case "EMPTY_DICT":
                self.stack.append({})
            case "MARK":
                self.stack.append(_MARK)
            case "TUPLE":
                self.stack.append(tuple(self._pop_mark()))
            case "GLOBAL":
                self.stack.append(_Name(argument))
            case "BINPUT" | "LONG_BINPUT":
                self.memory[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.memory[argument])
            case "SETITEM":
                self._set_items(list(self._pop_last(2)))
            case "SETITEMS":
                self._set_items(self._pop_mark())
            case "BINPERSID":
                self.stack.append(_storage(self.stack.pop()))
            case "REDUCE":
                self.stack.append(_call(*self._pop_last(2)))
            case "BUILD":  # versions of submodules, beside the tensors
                self.stack.pop()
            case _:
                raise ValueError(f"expected only tensors, got the instruction {name}")

    def _pop_last(self, count: int) -> tuple[Any, ...]:
        if count > len(self.stack):
            raise IndexError
        start = len(self.stack) - count
        values = tuple(self.stack[start:])
        del self.stack[start:]
        return values

    def _pop_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError("expected a dictionary to store values in")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError(f"expected names as keys, got {key!r:.80}")
            target[key] = value


def _storage(identity: Any) -> _Storage:
    match identity:
        case ("storage", _Name(qualified_name=qualified_name), str() as key, str(), int() as count):
            if qualified_name in _STORAGES and _is_sizes((count,)):
                return _Storage(_STORAGES[qualified_name], key, count)
    raise ValueError(f"expected a storage of {', '.join(_STORAGES)}, got {identity!r:.200}")


def _call(function: Any, arguments: Any) -> Any:
    match function, arguments:
        case _Name(qualified_name=qualified_name), () if qualified_name == _ORDERED_DICT:
            return {}
        case _Name(qualified_name=qualified_name), (
            _Storage() as storage,
            int() as offset,
            shape,
            strides,
            *_,
        ) if (
            qualified_name == _TENSOR
            and _is_sizes((offset,))
            and _is_sizes(shape)
            and _is_sizes(strides)
        ):
            return _View(storage, offset, shape, strides)
    raise ValueError(f"expected only tensors, got a call of {function!r:.200}")


def _is_sizes(value: Any) -> bool:
    if not isinstance(value, tuple):
        return False
    return all(isinstance(size, int) and 0 <= size <= _MAX_SIZE for size in value)
