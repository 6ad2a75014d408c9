"""Threads of one call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gatewise import _core
from gatewise.utils.checks import check_integer


class _Shared:
    """Calls that have set the number of threads, of all Python threads together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0
        self.before = 0


_shared = _Shared()


@contextmanager
def threads(n_jobs: int | None) -> Iterator[None]:
    """Runs with as many threads; None leaves their number, -1 takes that of the machine.

    The number is that of the process. Of calls at the same time the latest sets it, and the last
    to end gives back what was before all of them; results do not depend on it.
    """
    if n_jobs is None:
        yield
        return
    count = 0 if n_jobs == -1 else check_integer("n_jobs", n_jobs, 1)
    with _shared.lock:
        if _shared.calls == 0:
            _shared.before = _core.get_num_threads()
        _shared.calls += 1
        _core.set_num_threads(count)
    try:
        yield
    finally:
        with _shared.lock:
            _shared.calls -= 1
            if _shared.calls == 0:
                _core.set_num_threads(_shared.before)
