"""Expert layers of six shapes against PyTorch: forward, and a training step.

python -m benchmarks.peers.experts [--only TEXT] [--rounds N] [--threads N]     (extra `bench`)
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from .alternate import Contender, alternate
from .our_experts import our_forward, our_step
from .shapes import FORWARD, STEP, Shape, touched_bytes
from .table import Limits, Work, print_table
from .torch_experts import forms, torch_forward, torch_step

# The losses before and after one step are compared; later on rounding changes who is chosen.
CHECKED = 2


@dataclass(frozen=True)
class Case:
    """One table: a shape, forward or in training."""

    shape: Shape
    trains: bool

    @property
    def title(self) -> str:
        return f"{'step' if self.trains else 'forward'} {self.shape.name}"

    def work(self) -> Work:
        flops = self.shape.forward_flops * (3 if self.trains else 1)
        reads = self.shape.few and not self.trains
        return Work(flops, touched_bytes(self.shape) if reads else None)


def cases() -> Iterator[Case]:
    """All tables, in their order."""
    yield from (Case(shape, False) for shape in FORWARD)
    yield from (Case(shape, True) for shape in STEP)


def contenders(case: Case, threads: int, with_peers: bool) -> list[Contender]:
    """Ours on `threads` threads and on one, then PyTorch's forms."""
    ours, theirs = (our_step, torch_step) if case.trains else (our_forward, torch_forward)
    found = [
        Contender(f"gatewise, {count} threads", ours, (case.shape, count), True)
        for count in dict.fromkeys((threads, 1))
    ]
    if with_peers:
        found += [
            Contender(f"PyTorch {form}, {threads} threads", theirs, (case.shape, threads, form))
            for form in forms(case.shape, case.trains)
        ]
    return found


def run(case: Case, threads: int, rounds: int, limits: Limits | None = None) -> None:
    """Checks, times and prints one table; ours alone where PyTorch is absent."""
    entries = contenders(case, threads, importlib.util.find_spec("torch") is not None)
    timings = alternate(entries, rounds=rounds, check=CHECKED)
    print_table(case.title, timings, case.work(), limits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="tables whose title has this text")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for case in cases():
        if arguments.only in case.title:
            run(case, arguments.threads, arguments.rounds)


if __name__ == "__main__":
    main()
