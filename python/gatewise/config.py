"""Build information, thread count, and the types of products."""

from typing import TypedDict

import numpy as np

from gatewise import _core, _levels
from gatewise._version import __version__
from gatewise.dtype_policies import FLOAT32
from gatewise.dtype_policies import dtype_policy as dtype_policy
from gatewise.dtype_policies import set_dtype_policy as set_dtype_policy


class Config(TypedDict):
    """Result of `show_config`."""

    gatewise: str
    level: str
    levels_available: list[str]
    threads: int
    int8: str
    bfloat16: str
    compiler: str
    openmp: str
    eigen: str
    numpy: str


def show_config() -> Config:
    """Prints and returns build and runtime information of the core.

    Returns
    -------
    Config
        A dict: `gatewise` (version), `level` (the instruction-set level in use),
        `levels_available` (levels that were built and that this processor can run), `threads`,
        `int8` ("AMX", "VNNI", or "pairs" where the processor has no such instructions or they
        failed their check), `bfloat16` ("AMX", or likewise "float32"), and the versions
        `compiler`, `openmp`, `eigen` and `numpy`.

    Examples
    --------
    >>> import gatewise as gw
    >>> config = gw.show_config()  # doctest: +ELLIPSIS
    gatewise          ...
    >>> config["level"] in config["levels_available"]
    True
    """
    build = _core.build_info()
    config = Config(
        gatewise=__version__,
        level=_core.isa_level(),
        levels_available=_levels.available(),
        threads=_core.get_num_threads(),
        int8=build["int8"],
        bfloat16=build["bfloat16"],
        compiler=build["compiler"],
        openmp=build["openmp"],
        eigen=build["eigen"],
        numpy=np.__version__,
    )
    for name, value in config.items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        print(f"{name.replace('_', ' '):<17} {shown}")
    return config


def floatx() -> str:
    """The type of arrays, weights and sums: always "float32".

    `set_dtype_policy("mixed_bfloat16")` changes the factors of products alone.
    """
    return FLOAT32


def image_data_format() -> str:
    """Where images have their channels unless a layer has `data_format=`: "channels_last"."""
    return "channels_last"


def epsilon() -> float:
    """The least probability in the logarithm of a cross-entropy: always 1e-7."""
    return 1e-7


def get_num_threads() -> int:
    """The thread count that the next call uses.

    By default it is the minimum of OpenMP's limit (set by `OMP_NUM_THREADS` and `threadpoolctl`),
    the processors available to this process, and the container's CPU limit.

    Returns
    -------
    int
        At least 1.
    """
    return _core.get_num_threads()


def set_num_threads(count: int | None) -> None:
    """Sets the thread count of later calls, for the whole process.

    Results do not depend on it: one thread sums each output element in a fixed order.

    Parameters
    ----------
    count : int or None
        At least 1. None restores the default described at `get_num_threads`.

    Raises
    ------
    TypeError
        If `count` is neither an integer nor None.
    ValueError
        If `count` is below 1.
    """
    if count is None:
        _core.set_num_threads(0)
        return
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise TypeError(f"count: expected an integer or None, got {type(count).__name__}")
    if count < 1:
        raise ValueError(f"count: expected at least 1, got {count}")
    _core.set_num_threads(int(count))
