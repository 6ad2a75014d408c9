"""The check of the arrays of a stored dictionary."""

from typing import Any

import numpy as np

from gatewise.data.convert import Floats


def float_array(name: str, value: Any, shape: tuple[int, ...]) -> Floats:
    """`value` as a C-contiguous float32 array of `shape`.

    Raises
    ------
    TypeError
        Its elements are not real numbers.
    ValueError
        It has another shape, or a value is not finite in float32.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected real numbers, got an array of {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, np.float32).reshape(shape)
    finite = np.isfinite(array)
    if not finite.all():
        indices = tuple(int(index) for index in np.argwhere(~finite)[0])
        raise ValueError(f"{name}: expected finite values, got {array[indices]} at {indices}")
    return array
