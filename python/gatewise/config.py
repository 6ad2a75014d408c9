"""What this installation is, and how many threads it may use."""

from typing import TypedDict

import numpy as np

from gatewise import _core, _levels


class Config(TypedDict):
    """What `show_config` returns."""

    gatewise: str
    level: str
    levels_available: list[str]
    threads: int
    compiler: str
    openmp: str
    eigen: str
    numpy: str


def show_config() -> Config:
    """Print and return how the core was built and what it runs with.

    Returns
    -------
    Config
        A dict: `gatewise` (version), `level` (the instruction-set level in use),
        `levels_available` (those that were built and run here), `threads`, and the
        versions `compiler`, `openmp`, `eigen` and `numpy`.

    Examples
    --------
    >>> import gatewise as gw
    >>> config = gw.show_config()  # doctest: +ELLIPSIS
    gatewise          ...
    >>> config["level"] in config["levels_available"]
    True
    """
    from gatewise import __version__

    build = _core.build_info()
    config = Config(
        gatewise=__version__,
        level=_core.isa_level(),
        levels_available=_levels.available(),
        threads=_core.get_num_threads(),
        compiler=build["compiler"],
        openmp=build["openmp"],
        eigen=build["eigen"],
        numpy=np.__version__,
    )
    for name, value in config.items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        print(f"{name.replace('_', ' '):<17} {shown}")
    return config


def get_num_threads() -> int:
    """The number of threads that the next call uses.

    Without `set_num_threads` it is the least of OpenMP's limit (`OMP_NUM_THREADS` and
    `threadpoolctl` act on it), the processors this process may use, and the container's share.

    Returns
    -------
    int
        At least 1.
    """
    return _core.get_num_threads()


def set_num_threads(count: int | None) -> None:
    """Set how many threads calls use from now on, in the whole process.

    Results do not depend on it: each output element is summed in one fixed order by one thread.

    Parameters
    ----------
    count : int or None
        At least 1. None returns to the default that `get_num_threads` describes.

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
