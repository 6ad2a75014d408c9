"""Prints the timings of one workload as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..machine import Limits
from .alternate import Timing


@dataclass(frozen=True)
class Work:
    """Minimum work of a step: `flops`, and for few rows `bytes` of weights to read."""

    flops: float
    bytes: float | None = None


def _rates(timing: Timing, work: Work, limits: Limits | None) -> str:
    gigaflops = work.flops / timing.median / 1e9
    columns = f"{gigaflops:10.1f}"
    if limits is not None:
        columns += f"{100 * gigaflops * 1e9 / limits.flops:7.0f} %"
    if work.bytes is not None:
        gigabytes = work.bytes / timing.median / 1e9
        columns += f"{gigabytes:9.1f}"
        if limits is not None:
            columns += f"{100 * gigabytes * 1e9 / limits.bytes:8.0f} %"
    return columns


def _rate_titles(work: Work, limits: Limits | None) -> str:
    titles = f"{'GFLOP/s':>10}" + (f"{'of peak':>9}" if limits is not None else "")
    if work.bytes is not None:
        titles += f"{'GB/s':>9}" + (f"{'of read':>10}" if limits is not None else "")
    return titles


def print_table(
    title: str,
    timings: Sequence[Timing],
    work: Work | None = None,
    limits: Limits | None = None,
) -> None:
    """Prints medians and minima in microseconds, and the ratio of each median to our best.

    With `work`, also prints the rates of the medians; with `limits`, also their percentages of the
    machine's limits.
    """
    best = min(timing.median for timing in timings if timing.contender.ours)
    print(f"\n{title}")
    titles = f"{'':46}{'median us':>12}{'min us':>12}{'to ours':>10}"
    print(titles + (_rate_titles(work, limits) if work is not None else ""))
    for timing in timings:
        line = (
            f"{timing.contender.name:46}{timing.median * 1e6:12.1f}"
            f"{timing.minimum * 1e6:12.1f}{timing.median / best:10.2f}"
        )
        print(line + (_rates(timing, work, limits) if work is not None else ""))
    theirs = [each for each in timings if each.contender.is_same_work and not each.contender.ours]
    if theirs:
        peer = min(theirs, key=lambda timing: timing.median)
        print(f"best peer {peer.contender.name}: {peer.median / best:.2f} times as long as ours")
