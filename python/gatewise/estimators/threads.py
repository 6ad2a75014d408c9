"""Threads of one call, and trainings at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from gatewise import _core
from gatewise.utils.checks import check_integer

T = TypeVar("T")


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


def at_once(train: Callable[[int], T], models: Sequence[Any]) -> list[T]:
    """`train(0)`, `train(1)`, … of some models at the same time, with a share of the threads each.

    A small model has short steps, which several threads help little. Whatever ends one training, or
    interrupts the caller, stops all of them after their next step.
    """
    count = _core.get_num_threads()
    workers = min(count, len(models))
    if workers < 2:
        return [train(number) for number in range(len(models))]
    share = count // workers
    with ThreadPoolExecutor(workers, "training", _core.limit_threads, (share,)) as pool:
        futures = [pool.submit(train, number) for number in range(len(models))]
        try:
            return [each.result() for each in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            while running := [each for each in futures if not each.done()]:
                wait(running, timeout=0.01)
                for model in models:  # again and again: a fit that begins takes it back
                    model.stop_training = True
            raise
