"""What a row costs against n, d, h, E, k and threads, and against what the machine allows.

python -m benchmarks.scaling [--picture FILE.png]          (the picture needs the extra `bench`)

A forward pass of one layer of top-k MLP experts. "Experts" is the time of the prediction less that
of the routing alone (scores, softmax and choice), which is run natively on parts of the rows:
`routing` takes new memory in each call, and on all rows at once its page faults would cost more
than the routing. In the layer, the scores of many rows pass through main memory, which parts avoid;
so the difference is an estimate. A time below what the machine's limits allow shows that it, or the
limits, were disturbed: it is marked, and no figure is made of it.

"Bound" is the share of the experts' time that arithmetic or reading needs at least. It is above
100 % where the kernels lie in a cache and are not read from memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import machine
from .machine import Limits
from .peers.shapes import FLOAT_BYTES, LAST_CACHE_BYTES, Shape

BASE = Shape(4096, 256, 512, 16, 2)
AXES: dict[str, tuple[int, ...]] = {
    "n": (1, 8, 64, 512, 4096, 16384),
    "d": (64, 128, 256, 512, 1024),
    "h": (64, 128, 256, 512, 1024, 2048),
    "E": (4, 16, 64, 256),
    "k": (1, 2, 4, 8),
}
# Rows grow with the experts: 128 each.
EVEN_ROWS = 128
EVEN_EXPERTS = (16, 64, 256, 1024)
# Rows stay, and become few for each expert. The kernels of 4096 such experts take 2 GB.
SPREAD_BASE = Shape(4096, 256, 256, 16, 2)
SPREAD_EXPERTS = (16, 64, 256, 1024, 4096)
# Scores of the rows routed at a time: 4 MB.
ROUTED_SCORES = 1 << 20
# The same layer stands on every axis; its costs in an undisturbed run differ by less.
MAX_SPREAD = 1.2
ROUNDS = 7


@dataclass(frozen=True)
class Cost:
    """Seconds of a forward pass, and of its routing alone; bytes of the chosen experts' kernels."""

    shape: Shape
    threads: int
    seconds: float
    routing_seconds: float
    touched_bytes: float

    @property
    def experts_seconds(self) -> float:
        return self.seconds - self.routing_seconds

    def arithmetic_seconds(self, limits: Limits) -> float:
        """The least that arithmetic allows the experts."""
        return 2.0 * self.shape.n * self.shape.k * self.shape.expert_parameters / limits.flops

    def bound_seconds(self, limits: Limits) -> float:
        """The least that arithmetic or reading allows the experts."""
        return max(self.arithmetic_seconds(limits), self.touched_bytes / limits.bytes)

    def min_seconds(self, limits: Limits) -> float:
        """The bound, without reading for kernels of up to 8 last caches, which may lie in one."""
        is_read = self.touched_bytes > 8 * LAST_CACHE_BYTES
        return self.bound_seconds(limits) if is_read else self.arithmetic_seconds(limits)

    def is_possible(self, limits: Limits) -> bool:
        """Whether the experts' time is one that the machine can reach."""
        return self.experts_seconds >= self.min_seconds(limits)


def _seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


@dataclass(frozen=True)
class _Layer:
    """One layer with fresh weights on normal rows: what is timed, and the bytes it reads."""

    shape: Shape
    threads: int
    predict: Callable[[], Any]
    route: Callable[[], Any]
    touched_bytes: float


def _make_layer(shape: Shape, threads: int) -> _Layer:
    import gatewise as gw

    layer = gw.SparseExpertLayer(
        shape.d, num_experts=shape.E, k=shape.k, expert=gw.experts.MLP(shape.h), seed=0
    )
    model = gw.Sequential([gw.Input(shape=(shape.d,)), layer])
    random = np.random.default_rng(0)
    x = random.standard_normal((shape.n, shape.d), dtype=np.float32)
    rows = max(1, ROUTED_SCORES // shape.E)
    parts = [x[start : start + rows] for start in range(0, shape.n, rows)]
    chosen = len(np.unique(layer.routing(x)[0]))
    return _Layer(
        shape,
        threads,
        lambda: model.predict(x, batch_size=shape.n),
        lambda: [layer.native.routing(part) for part in parts],
        float(chosen) * shape.expert_parameters * FLOAT_BYTES,
    )


def measure(shapes: Sequence[Shape], threads: Sequence[int]) -> list[Cost]:
    """Times layers in turns, so that a change of the machine's speed meets all of them."""
    import gatewise as gw

    layers = [_make_layer(*each) for each in zip(shapes, threads, strict=True)]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in layers]
    for round_index in range(1 + ROUNDS):
        for layer, (predicted, routed) in zip(layers, times, strict=True):
            gw.set_num_threads(layer.threads)
            layer.predict()  # its caches and threads are those of another layer
            seconds = _seconds(layer.predict), _seconds(layer.route)
            if round_index > 0:
                predicted.append(seconds[0])
                routed.append(seconds[1])
    return [
        Cost(
            layer.shape,
            layer.threads,
            statistics.median(predicted),
            statistics.median(routed),
            layer.touched_bytes,
        )
        for layer, (predicted, routed) in zip(layers, times, strict=True)
    ]


def along_axes(threads: int) -> Iterator[tuple[str, list[Cost]]]:
    """The costs along each letter, then along the threads."""
    for letter, values in AXES.items():
        shapes = [dataclasses.replace(BASE, **{letter: value}) for value in values]
        yield letter, measure(shapes, [threads] * len(shapes))
    yield "threads", measure([BASE] * threads, range(1, threads + 1))


def axis_value(letter: str, cost: Cost) -> int:
    """Where on the axis of that letter a cost lies."""
    value: int = cost.threads if letter == "threads" else getattr(cost.shape, letter)
    return value


def print_axis(letter: str, costs: Sequence[Cost], limits: Limits) -> None:
    """One line for each value of the letter. Limits are those of all threads."""
    print(f"\n{letter:>8}{'us a row':>12}{'experts':>12}{'router':>12}{'GFLOP/s':>10}{'bound':>9}")
    for cost in costs:
        scale = 1e6 / cost.shape.n
        share = cost.bound_seconds(limits) / cost.experts_seconds
        print(
            f"{axis_value(letter, cost):8}{cost.seconds * scale:12.3f}"
            f"{cost.experts_seconds * scale:12.3f}{cost.routing_seconds * scale:12.3f}"
            f"{cost.shape.forward_flops / cost.seconds / 1e9:10.1f}{100 * share:7.0f} %"
            + ("" if cost.is_possible(limits) else "   not valid: above the limits")
        )


def print_targets(threads: int, limits: Limits) -> None:
    """A row's cost with rows growing with the experts, and the experts' time against the bound."""
    _print_even(threads, limits)
    _print_spread(threads, limits)


def _print_even(threads: int, limits: Limits) -> None:
    d, h, k = BASE.d, BASE.h, BASE.k
    shapes = [Shape(EVEN_ROWS * E // k, d, h, E, k) for E in EVEN_EXPERTS]
    even = measure(shapes, [threads] * len(shapes))
    print(f"\n{EVEN_ROWS} rows an expert, d={d} h={h} k={k}")
    print_axis("E", even, limits)
    if not all(cost.is_possible(limits) for cost in even):
        return
    per_row = [cost.experts_seconds / cost.shape.n for cost in even]
    whole = [cost.seconds / cost.shape.n for cost in even]
    print(
        f"cost of a row, E={EVEN_EXPERTS[-1]} to E={EVEN_EXPERTS[0]}: experts "
        f"{per_row[-1] / per_row[0]:.2f} (target: at most 1.20), with the router "
        f"{whole[-1] / whole[0]:.2f}"
    )


def _print_spread(threads: int, limits: Limits) -> None:
    shapes = [dataclasses.replace(SPREAD_BASE, E=E) for E in SPREAD_EXPERTS]
    spread = measure(shapes, [threads] * len(shapes))
    print(f"\nn={SPREAD_BASE.n} d={SPREAD_BASE.d} h={SPREAD_BASE.h} k={SPREAD_BASE.k}")
    print_axis("E", spread, limits)
    if not all(cost.is_possible(limits) for cost in spread):
        return
    worst = max(spread, key=lambda cost: cost.experts_seconds / cost.bound_seconds(limits))
    ratio = worst.experts_seconds / worst.bound_seconds(limits)
    print(
        "experts' time to max(flops / peak, bytes of chosen kernels / bandwidth): at most "
        f"{ratio:.2f}, at E={worst.shape.E} (target: at most 1.25)"
    )


def timing_warning(costs: Mapping[str, Sequence[Cost]], limits: Limits) -> str:
    """Why these costs cannot stand side by side; empty if they can."""
    invalid = [
        letter
        for letter, measured in costs.items()
        if not all(cost.is_possible(limits) for cost in measured)
    ]
    if invalid:
        return f"above the machine's limits along {', '.join(invalid)}"
    threads = costs["threads"][-1].threads
    same = [
        cost.seconds
        for measured in costs.values()
        for cost in measured
        if cost.shape == BASE and cost.threads == threads
    ]
    spread = max(same) / min(same)
    return f"the same layer took {spread:.2f} times as long" if spread > MAX_SPREAD else ""


def main() -> None:
    """Prints the tables, and draws them where a file is named."""
    from gatewise import get_num_threads

    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the costs there")
    parser.add_argument("--threads", type=int, default=get_num_threads())
    parser.add_argument("--targets", action="store_true", help="print the two targets alone")
    arguments = parser.parse_args()
    here = machine.describe(arguments.threads)
    print(here, flush=True)
    if not arguments.targets:
        costs = dict(along_axes(arguments.threads))
        for letter, measured in costs.items():
            print_axis(letter, measured, here.limits)
        if arguments.picture is not None and (reason := timing_warning(costs, here.limits)):
            raise SystemExit(f"not drawn: {reason}; run it again on a quiet machine")
        if arguments.picture is not None:
            from .scaling_picture import draw

            draw(costs, here, arguments.picture)
    if arguments.targets or arguments.picture is None:
        print_targets(arguments.threads, here.limits)


if __name__ == "__main__":
    main()
