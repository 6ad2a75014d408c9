"""Threads of one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gatewise import _core
from gatewise.utils.checks import check_integer


@contextmanager
def threads(n_jobs: int | None) -> Iterator[None]:
    """Runs with as many threads; None leaves their number, -1 takes that of the machine."""
    if n_jobs is None:
        yield
        return
    before = _core.get_num_threads()
    _core.set_num_threads(0 if n_jobs == -1 else check_integer("n_jobs", n_jobs, 1))
    try:
        yield
    finally:
        _core.set_num_threads(before)
