"""Expert layers against PyTorch: forward pass, and training step with Adam; and types of weights.

python -m benchmarks        (in a checkout; `gatewise bench` if installed; extra `bench`)
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..machine import Limits
from .alternate import Contender, alternate
from .our_experts import our_forward, our_step, precisions
from .shapes import FORWARD, PRECISION, STEP, STORAGE, Shape, touched_bytes
from .table import Work, print_table
from .torch_experts import forms, torch_forward, torch_step

# The losses before and after one step are compared; later, rounding changes the chosen experts.
CHECKED = 2


@dataclass(frozen=True)
class Case:
    """One table: a shape, and a forward pass or training step, or ours by type of the weights."""

    shape: Shape
    kind: Literal["forward", "step", "precision", "storage"]

    @property
    def title(self) -> str:
        return f"{self.kind} {self.shape.name}"

    def work(self) -> Work:
        flops = self.shape.forward_flops * (3 if self.kind in ("step", "precision") else 1)
        reads = self.shape.few and self.kind == "forward"
        return Work(flops, touched_bytes(self.shape) if reads else None)


def cases(shapes: Sequence[Shape] | None = None) -> Iterator[Case]:
    """All tables in order, or those of the given shapes."""
    yield from (Case(shape, "forward") for shape in shapes or FORWARD)
    yield from (Case(shape, "step") for shape in shapes or STEP)
    yield from (Case(shape, "precision") for shape in shapes or PRECISION)
    yield from (Case(shape, "storage") for shape in shapes or STORAGE)


def _quantized(shape: Shape, threads: int) -> list[Contender]:
    """Our layers with quantized kernels."""
    return [
        Contender(
            f"gatewise {precision}, {threads} threads",
            our_forward,
            (shape, threads, precision),
            True,
            tolerance,
        )
        for precision, tolerance in precisions().items()
    ]


def contenders(case: Case, threads: int, with_peers: bool) -> list[Contender]:
    """Our layer on `threads` threads and on one, then PyTorch's implementations."""
    if case.kind == "storage":
        whole = Contender(
            f"gatewise float32, {threads} threads", our_forward, (case.shape, threads), True
        )
        return [whole, *_quantized(case.shape, threads)]
    if case.kind == "precision":
        return [
            Contender(
                f"gatewise {dtype}, {threads} threads",
                our_step,
                (case.shape, threads, dtype),
                True,
                tolerance,
            )
            for dtype, tolerance in (("float32", None), ("mixed_bfloat16", 0.02))
        ]
    trains = case.kind == "step"
    ours, theirs = (our_step, torch_step) if trains else (our_forward, torch_forward)
    found = [
        Contender(f"gatewise, {count} threads", ours, (case.shape, count), True)
        for count in dict.fromkeys((threads, 1))
    ]
    if not trains and case.shape.served:  # bound by reading weights
        found += _quantized(case.shape, threads)
    if with_peers:
        found += [
            Contender(f"PyTorch {form}, {threads} threads", theirs, (case.shape, threads, form))
            for form in forms(case.shape, trains)
        ]
    return found


def has_torch() -> bool:
    """Whether PyTorch can be imported; does not import it."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # an import of it is blocked
        return False


def run(case: Case, threads: int, rounds: int, seconds: float, limits: Limits) -> None:
    """Checks, times and prints one table; without PyTorch only ours."""
    case_contenders = contenders(case, threads, has_torch())
    timings = alternate(case_contenders, rounds=rounds, seconds=seconds, check=CHECKED)
    # The limits are those of float32.
    has_limits = case.kind in ("forward", "step")
    print_table(case.title, timings, case.work(), limits if has_limits else None)
