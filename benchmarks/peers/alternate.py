"""Times contenders in turn, each in a process of its own, and prints one table.

Each contender does the same work on the same data from the same weights; their losses are compared
before anything is timed. Processes take turns, so that a change of the machine's speed meets all of
them, and one's threads never spin while another is timed.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

# A step, which returns the loss (or output) it computed.
Step = Callable[[], Any]


@dataclass(frozen=True)
class Contender:
    """One way to do the work: `make(*arguments)` returns its step, in its own process."""

    name: str
    make: Callable[..., Step]
    arguments: tuple[Any, ...] = ()
    ours: bool = False


@dataclass
class Timing:
    """Seconds of one step: the median of each round."""

    contender: Contender
    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


def _serve(pipe: Connection, contender: Contender) -> None:
    step = contender.make(*contender.arguments)
    while (request := pipe.recv()) is not None:
        kind, count = request
        if kind == "check":
            pipe.send([np.asarray(step(), np.float64) for _ in range(count)])
            continue
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        # The first steps find cold caches and sleeping threads.
        pipe.send(statistics.median(times[count // 4 :]))


def alternate(
    contenders: Sequence[Contender],
    *,
    steps: int,
    rounds: int = 15,
    check: int = 5,
    tolerance: float = 1e-4,
) -> list[Timing]:
    """Times `rounds` turns of `steps` steps each, after `check` steps whose results must agree.

    Raises
    ------
    ValueError
        Results differ by more than `tolerance`, relative to the largest value.
    """
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    for contender in contenders:
        pipe, far_end = context.Pipe()
        context.Process(target=_serve, args=(far_end, contender), daemon=True).start()
        pipes.append(pipe)

    def ask(pipe: Connection, kind: str, count: int) -> Any:
        pipe.send((kind, count))
        return pipe.recv()

    try:
        results = [np.stack(ask(pipe, "check", check)) for pipe in pipes]
        for contender, result in zip(contenders, results, strict=True):
            difference = np.abs(result - results[0]).max() / np.abs(results[0]).max()
            if not difference <= tolerance:
                raise ValueError(f"{contender.name}: results differ by {difference:.1e}")
        timings = [Timing(contender, []) for contender in contenders]
        for _ in range(rounds):
            for timing, pipe in zip(timings, pipes, strict=True):
                timing.rounds.append(ask(pipe, "time", steps))
    finally:
        for pipe in pipes:
            pipe.send(None)
    return timings


def print_table(title: str, timings: Sequence[Timing]) -> None:
    """Medians and minima in microseconds, and how many times as long as our best each took."""
    best = min(timing.median for timing in timings if timing.contender.ours)
    print(f"\n{title}")
    print(f"{'':36}{'median us':>12}{'min us':>12}{'to ours':>10}")
    for timing in timings:
        print(
            f"{timing.contender.name:36}{timing.median * 1e6:12.1f}"
            f"{min(timing.rounds) * 1e6:12.1f}{timing.median / best:10.2f}"
        )
