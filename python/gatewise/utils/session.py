"""What a process keeps for all models: names that were used, and the default policy."""

from __future__ import annotations

import gc
from collections.abc import Callable

from gatewise.utils.checks import check_flag

_resets: list[Callable[[], object]] = []


def reset_with_session(reset: Callable[[], object]) -> None:
    """Declares a function that `clear_session` calls."""
    _resets.append(reset)


def clear_session(free_memory: bool = True) -> None:
    """Forgets what earlier models left in the process; models that exist stay as they are.

    Automatic names begin again (`dense`, `dense_1`, ...), and layers that are created afterwards
    have the policy float32. Random seeds go on.

    Parameters
    ----------
    free_memory : bool, default True
        Whether Python's garbage collection runs, which frees models that nothing refers to.

    Raises
    ------
    TypeError
        If `free_memory` is not True or False.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.utils.clear_session()
    >>> gw.layers.Dense(2).name, gw.layers.Dense(2).name
    ('dense', 'dense_1')
    """
    check_flag("free_memory", free_memory)
    for reset in _resets:
        reset()
    if free_memory:
        gc.collect()
