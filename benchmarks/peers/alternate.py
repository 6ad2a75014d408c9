"""Times contenders in turn, each in a separate process.

Each contender does the same work on the same data from the same weights; the results are compared
before timing. Processes take turns, so that changes of the machine's speed affect all of them, and
the threads of one never spin while another is timed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

# A step; it returns the computed loss or output.
Step = Callable[[], Any]

# Minimum step count of a turn; the first quarter is not counted.
MIN_STEPS = 4


@dataclass(frozen=True)
class Contender:
    """One implementation of the work: `make(*arguments)` returns its step, in its own process."""

    name: str
    make: Callable[..., Step]
    arguments: tuple[Any, ...] = ()
    ours: bool = False
    # Allowed difference from the first contender's results, for another precision.
    tolerance: float | None = None
    # False for a lower bound of the time, whose results are others.
    is_same_work: bool = True


@dataclass
class Timing:
    """Seconds per step: the median of each round."""

    contender: Contender
    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def minimum(self) -> float:
        return min(self.rounds)


def _time(step: Step, seconds: float) -> float:
    """The median time of a step over a turn of `seconds`."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < MIN_STEPS or time.perf_counter() < end:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    # The first steps have cold caches and sleeping threads.
    return statistics.median(times[len(times) // 4 :])


def _serve(pipe: Connection, contender: Contender) -> None:
    try:
        step = contender.make(*contender.arguments)
        while (request := pipe.recv()) is not None:
            kind, amount = request
            if kind == "check":
                pipe.send([np.asarray(step(), np.float64) for _ in range(amount)])
            else:
                pipe.send(_time(step, amount))
    except Exception as error:
        pipe.send(error)
        raise


def _ask(pipe: Connection, kind: str, amount: float) -> Any:
    pipe.send((kind, amount))
    answer = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _check(contenders: Sequence[Contender], results: Sequence[Any], tolerance: float) -> None:
    first = np.stack(results[0])
    for contender, result in zip(contenders, results, strict=True):
        if not contender.is_same_work:
            continue
        allowed = tolerance if contender.tolerance is None else contender.tolerance
        difference = np.abs(np.stack(result) - first).max() / np.abs(first).max()
        if not difference <= allowed:
            raise ValueError(f"{contender.name}: results differ by {difference:.1e}")


def _stop(processes: Sequence[BaseProcess], pipes: Sequence[Connection]) -> None:
    for process, pipe in zip(processes, pipes, strict=True):
        with contextlib.suppress(OSError):  # the process failed and closed its end
            pipe.send(None)
        process.join(timeout=10)
        process.terminate()


def alternate(
    contenders: Sequence[Contender],
    *,
    rounds: int = 15,
    seconds: float = 0.1,
    check: int = 5,
    tolerance: float = 1e-4,
) -> list[Timing]:
    """Times `rounds` turns of `seconds` each; first, the results of `check` steps must agree.

    Raises
    ------
    ValueError
        Results differ by more than `tolerance`, relative to the largest value.
    """
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes: list[BaseProcess] = []
    timings = [Timing(contender, []) for contender in contenders]
    try:
        results = []
        for contender in contenders:
            pipe, far_end = context.Pipe()
            process = context.Process(target=_serve, args=(far_end, contender), daemon=True)
            process.start()
            far_end.close()
            pipes.append(pipe)
            processes.append(process)
            # One at a time, so that each has cores and memory for itself during its setup.
            results.append(_ask(pipe, "check", check))
        _check(contenders, results, tolerance)
        for _ in range(rounds):
            for timing, pipe in zip(timings, pipes, strict=True):
                timing.rounds.append(_ask(pipe, "time", seconds))
    finally:
        _stop(processes, pipes)
    return timings
