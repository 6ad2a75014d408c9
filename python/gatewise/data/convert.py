"""Conversion of user arrays to arrays for the core.

============================  =========================================================
input                         array for the core
============================  =========================================================
float32, C-contiguous         the same memory
float16, float64, int, bool   a float32 copy (float64 is rounded to the nearest float32)
float32 with other strides    a contiguous copy
SciPy sparse (input only)     its CSR rows, see `gatewise.data.csr`
class indices                 int32, see `gatewise.data.targets`
an object with `__array__`    as for its array
============================  =========================================================

Errors: complex, text, date and object arrays (`TypeError`); wrong shapes, empty arrays, NaN and
infinity (`ValueError` with row and column).

Each array of a call is searched for NaN and infinity once, here: `features`, `weights` and
`gatewise.data.targets` do it after the conversion, `gatewise.data.csr` for CSR rows. Whoever needs
an array before `fit` does, to build a model or for the centre of an autoencoder, passes it on as
`gatewise.data.parts.Checked`, and `gatewise.data.row_reader` uses what it contains. Arrays that
passed go to the core with `checked=True`. Without it, the core searches itself, for users of
`gatewise._core`. Memory maps and iterators are searched batch by batch, as they are read.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise import _core

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int32]
Indices: TypeAlias = npt.NDArray[np.int64]
Shape: TypeAlias = tuple[int | None, ...]
RowIndices: TypeAlias = Indices | range
"""Index in the user's array of each row of a part."""


def describe_shape(shape: Shape) -> str:
    """Formats a shape with `n` for the batch axis and `?` for other free axes: `(n, 784)`."""
    names = ["n" if axis == 0 else "?" for axis in range(len(shape))]
    sizes = [name if size is None else str(size) for size, name in zip(shape, names, strict=True)]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def to_array(value: Any, name: str) -> Array:
    """`value` as a NumPy array, without a copy if it is one already.

    Raises
    ------
    TypeError
        If `value` is neither an array nor an object with `__array__`, or has masked elements.
    """
    if np.ma.is_masked(value):
        raise TypeError(
            f"{name}: expected an array without masked elements, whose values would count; use "
            "x.filled(value)"
        )
    if isinstance(value, np.ndarray):
        return np.asarray(value) if isinstance(value, np.ma.MaskedArray) else value
    if _is_tensor(value):
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return _numbers_of_frame(value, array) if array.dtype == object else array
    hint = "; use np.asarray" if isinstance(value, (list, tuple, int, float)) else ""
    raise TypeError(f"{name}: expected an array, got {type(value).__name__}{hint}")


class HasDtype(Protocol):
    """What has a NumPy type: an array, or rows that are read as arrays."""

    @property
    def dtype(self) -> np.dtype[Any]: ...


def _is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of PyTorch, which NumPy reads only off the gradient's graph."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def _numbers_of_frame(value: Any, array: Array) -> Array:
    """The numbers of a pandas object whose columns are all numeric; else `array`, of objects.

    NumPy sees objects where bool is beside float, or a column is nullable; NA becomes NaN.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, (pandas.DataFrame, pandas.Series)):
        return array
    dtypes = [value.dtype] if isinstance(value, pandas.Series) else list(value.dtypes)
    if not all(pandas.api.types.is_numeric_dtype(dtype) for dtype in dtypes):
        return array
    numbers: Array = value.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def check_numeric(array: HasDtype, name: str) -> None:
    """Checks that the elements of an array are real numbers.

    Raises
    ------
    TypeError
        If the dtype is complex, text, date or object.
    """
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: expected an array of float, int or bool numbers, got dtype {array.dtype}"
        )


def to_float32(array: Array, name: str) -> Floats:
    """`array` as C-contiguous float32; the same object if it already is both.

    Raises
    ------
    TypeError
        If the dtype is complex, text, date or object.
    """
    check_numeric(array, name)
    # A float64 out of float32's range becomes infinite; `check_finite` then raises.
    with np.errstate(over="ignore"):
        return np.require(array, np.float32, ["C", "A"])


def check_finite(
    converted: Floats, name: str, original: Array | None = None, rows: RowIndices | None = None
) -> None:
    """Checks that an array has no NaN and no infinity.

    Parameters
    ----------
    converted : ndarray (n, ..., d), float32
        Array to check.
    name : str
        Argument name for error messages.
    original : ndarray, optional
        The array before conversion, to distinguish infinity from a value too large for float32.
    rows : ndarray (n,) of int64 or range, optional
        Row indices for error messages, if `converted` is a part of the user's array.

    Raises
    ------
    ValueError
        If it has; the message states row and column of the first such value.
    """
    table = converted if converted.ndim > 1 else converted.reshape(-1, 1)
    found = _core.find_nonfinite(table)
    if found is None:
        return
    flat_row, column = found
    position = np.unravel_index(flat_row, table.shape[:-1])
    value = table[(*position, column)]
    row = int(position[0]) if rows is None else int(rows[position[0]])
    inner = "".join(f", position {int(axis)}" for axis in position[1:])
    where = f"row {row}{inner}" + (f", column {column}" if converted.ndim > 1 else "")
    shown = str(value)
    if original is not None:
        source = original.reshape(table.shape)[(*position, column)]
        if math.isfinite(source):
            shown = f"{source} (too large for float32)"
    raise ValueError(f"{name}: expected finite numbers, got {shown} at {where}")


def check_samples(samples: int, name: str, shape: Sequence[int]) -> None:
    """Checks that an array has samples.

    Raises
    ------
    ValueError
        If there are no samples.
    """
    if samples == 0:
        raise ValueError(f"{name}: expected at least one sample, got shape {tuple(shape)}")


def match_features(array: Array, name: str, shape: Shape) -> Array:
    """`array` with the rank of `shape`; `(n,)` becomes `(n, 1)` if one feature is expected.

    Raises
    ------
    ValueError
        If the shapes differ, or there are no samples.
    """
    if array.ndim == len(shape) - 1 and array.ndim > 0 and shape[-1] == 1:
        array = array[..., np.newaxis]
    fits = array.ndim == len(shape) and all(
        size is None or size == got for size, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        hint = ""
        if array.shape == shape[1:]:
            hint = f"; one sample is {name}[np.newaxis]"
        raise ValueError(f"{name}: expected shape {describe_shape(shape)}, got {array.shape}{hint}")
    check_samples(array.shape[0], name, array.shape)
    return array


def features(
    array: Array,
    name: str,
    shape: Shape,
    rows: RowIndices | None = None,
    checked: Floats | None = None,
) -> Floats:
    """A model input: float32, C-contiguous, finite, of shape `shape`.

    Parameters
    ----------
    array : ndarray
        The user's array.
    name : str
        Argument name for error messages.
    shape : tuple
        The input's shape, with None for a free axis; the first axis is samples.
    rows : ndarray (n,) of int64 or range, optional
        Row indices for error messages, if `array` is a part of the user's array.
    checked : ndarray, optional
        The values of `array`, converted and checked already.

    Raises
    ------
    TypeError
        If the dtype is complex, text, date or object.
    ValueError
        For a wrong shape, no samples, NaN or infinity.
    """
    check_numeric(array, name)
    return to_finite(match_features(array, name, shape), name, rows, checked)


def integers(array: Array, name: str, shape: Shape) -> Labels:
    """A model input of integers: int32, C-contiguous, of shape `shape`.

    With a free last axis, `(n, t)` becomes `(n, t, 1)`: rows of one value.

    Raises
    ------
    TypeError
        If the dtype is not of numbers.
    ValueError
        For a wrong shape, no samples, a value that is not whole, or one beyond int32.
    """
    check_numeric(array, name)
    array = match_features(array, name, shape)
    if array.dtype.kind == "f" and not np.array_equal(array, np.trunc(array)):
        raise ValueError(f"{name}: expected whole numbers, got {array.dtype} with fractions")
    limits = np.iinfo(np.int32)
    if array.dtype.kind != "b" and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(f"{name}: expected integers below 2^31, got {array.max()}")
    converted = np.require(array, np.int32, ["C", "A"])
    return converted[..., np.newaxis] if shape[-1] is None else converted


def to_finite(
    array: Array, name: str, rows: RowIndices | None = None, checked: Floats | None = None
) -> Floats:
    """`to_float32` and `check_finite`, unless `checked` has the values of `array` already."""
    if checked is not None:
        return checked.reshape(array.shape)
    converted = to_float32(array, name)
    check_finite(converted, name, array, rows)
    return converted


def weights(
    array: Array,
    name: str,
    shape: tuple[int, ...],
    rows: RowIndices | None = None,
    checked: Floats | None = None,
) -> Floats:
    """One finite float32 weight per sample, or per row of samples `shape` = (n, t); see `features`.

    Weights of samples are `(n,)` or `(n, 1)`.

    Raises
    ------
    TypeError
        If the dtype is complex, text, date or object.
    ValueError
        For a wrong shape, NaN or infinity.
    """
    check_numeric(array, name)
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.shape not in (shape[:1], shape):
        per_row = f", or one per row, shape {shape}" if len(shape) > 1 else ""
        raise ValueError(
            f"{name}: expected one number per sample, shape {shape[:1]}{per_row}, got {array.shape}"
        )
    return to_finite(flat, name, rows, checked)
