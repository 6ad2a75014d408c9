"""A limit on the parameters of layers that are built from a file.

A file may ask for more memory than it holds values for. While one is read, each layer that is built
takes its values from the count that the file holds, before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_left: ContextVar[int | None] = ContextVar("values_left", default=None)


@contextmanager
def limited_values(count: int) -> Iterator[None]:
    """Within it, layers are built with at most `count` values of parameters in all."""
    token = _left.set(count)
    try:
        yield
    finally:
        _left.reset(token)


def values_left() -> int | None:
    """How many values a layer may have; None for any count."""
    return _left.get()


def take_values(count: int) -> None:
    """Counts the values of a layer that was built."""
    left = _left.get()
    if left is not None:
        _left.set(left - count)


def check_count(name: str, count: int) -> None:
    """Raises ValueError if a setting asks for more units than values are left."""
    left = _left.get()
    if left is not None and count > left:
        raise ValueError(
            f"{name}: expected at most the {left} values that the file holds, got {count}"
        )
