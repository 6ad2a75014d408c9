"""Who may use a model's trainer: one call at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TrainerLock:
    """Lets one thread at a time train or test a model; prediction needs no turn.

    Calls of the same thread may nest: a callback may evaluate the model that is being trained.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._trainer_thread: int | None = None
        self._process = os.getpid()

    def _reset_after_fork(self) -> None:
        """The threads that were at work when a process forked do not exist in the child."""
        if self._process != os.getpid():
            self._reset()

    @property
    def is_training(self) -> bool:
        """Whether a call trains the model."""
        self._reset_after_fork()
        return self._trainer_thread is not None

    @contextmanager
    def training(self, call: str) -> Iterator[None]:
        """The turn of a call that trains.

        Raises
        ------
        RuntimeError
            If another call trains or tests the model.
        """
        self._reset_after_fork()
        if self._trainer_thread is not None or not self._lock.acquire(blocking=False):
            raise RuntimeError(f"{call}: another call is at work on this model")
        try:
            self._trainer_thread = threading.get_ident()
            yield
        finally:
            self._trainer_thread = None
            self._lock.release()

    @contextmanager
    def testing(self, call: str) -> Iterator[None]:
        """The turn of a call that tests; waits for other tests.

        Raises
        ------
        RuntimeError
            If another thread trains the model.
        """
        self._reset_after_fork()
        if self._trainer_thread not in (None, threading.get_ident()):
            raise RuntimeError(f"{call}: another call is training this model")
        with self._lock:
            yield
