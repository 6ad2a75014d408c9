"""Time per row against n, d, h, E, k and threads, compared with the machine's limits.

python -m benchmarks.scaling [--picture FILE.png]          (the picture needs the extra `bench`)

Times a forward pass of one layer of top-k MLP experts. "Experts" is the time of the prediction
minus the time of routing alone (scores, softmax and choice). Routing is timed natively on parts of
the rows: `routing` allocates memory in each call, and on all rows at once its page faults would
cost more than the routing. Inside the layer, the scores of many rows pass through main memory,
which parts avoid, so the difference is an estimate. A time below the machine's limits shows that
the time or the limits were disturbed: it is marked and not plotted.

"Bound" is the minimum time of arithmetic or reading as a percentage of the experts' time. It is
above 100 % where the kernels stay in a cache and are not read from memory.
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
from .peers.shapes import FLOAT_BYTES, Shape
from .scaling_cost import BASE, Cost, axis_value

AXES: dict[str, tuple[int, ...]] = {
    "n": (1, 8, 64, 512, 4096, 16384),
    "d": (64, 128, 256, 512, 1024),
    "h": (64, 128, 256, 512, 1024, 2048),
    "E": (4, 16, 64, 256),
    "k": (1, 2, 4, 8),
}
# The row count grows with the expert count: 128 rows per expert.
EVEN_ROWS = 128
EVEN_EXPERTS = (16, 64, 256, 1024)
# The row count is fixed, so rows per expert become few. Kernels of 4096 such experts take 2 GB.
SPREAD_BASE = Shape(4096, 256, 256, 16, 2)
SPREAD_EXPERTS = (16, 64, 256, 1024, 4096)
# Scores per routing call: 4 MB.
ROUTED_SCORES = 1 << 20
# The base layer is on every axis; in an undisturbed run its times differ by less than this factor.
MAX_SPREAD = 1.2
ROUNDS = 7


def _seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


@dataclass(frozen=True)
class _Layer:
    """Timed calls of one layer with initial weights on normal rows, and the bytes they read."""

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
    """Times layers in turns, so that changes of the machine's speed affect all of them."""
    import gatewise as gw

    layers = [_make_layer(*each) for each in zip(shapes, threads, strict=True)]
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in layers]
    for round_index in range(1 + ROUNDS):
        for layer, (predicted, routed) in zip(layers, times, strict=True):
            gw.set_num_threads(layer.threads)
            layer.predict()  # warm-up: caches and threads are those of another layer
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
    """Yields the costs along each dimension letter, then along the thread count."""
    for letter, values in AXES.items():
        shapes = [dataclasses.replace(BASE, **{letter: value}) for value in values]
        yield letter, measure(shapes, [threads] * len(shapes))
    yield "threads", measure([BASE] * threads, range(1, threads + 1))


def print_axis(letter: str, costs: Sequence[Cost], limits: Limits) -> None:
    """Prints one line per value of the letter. Limits are those of all threads."""
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
    """Prints the time per row with a fixed count of rows per expert, and the time to the bound."""
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
    """Why these costs cannot be compared; empty if they can."""
    invalid = [
        letter
        for letter, measured in costs.items()
        if not all(cost.is_possible(limits) for cost in measured)
    ]
    if invalid:
        return f"rates above the machine's limits along {', '.join(invalid)}"
    threads = costs["threads"][-1].threads
    same = [
        cost.seconds
        for measured in costs.values()
        for cost in measured
        if cost.shape == BASE and cost.threads == threads
    ]
    spread = max(same) / min(same)
    return f"times of the same layer differ by {spread:.2f}" if spread > MAX_SPREAD else ""


def main() -> None:
    """Prints the tables, and plots them if a file is given."""
    from gatewise import get_num_threads

    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="file of the plot")
    parser.add_argument("--threads", type=int, default=get_num_threads())
    parser.add_argument("--targets", action="store_true", help="print only the two targets")
    arguments = parser.parse_args()
    here = machine.describe(arguments.threads)
    print(here, flush=True)
    if not arguments.targets:
        costs = dict(along_axes(arguments.threads))
        for letter, measured in costs.items():
            print_axis(letter, measured, here.limits)
        if arguments.picture is not None and (reason := timing_warning(costs, here.limits)):
            raise SystemExit(f"not plotted: {reason}; run it again on a quiet machine")
        if arguments.picture is not None:
            from .scaling_picture import draw

            draw(costs, here, arguments.picture)
    if arguments.targets or arguments.picture is None:
        print_targets(arguments.threads, here.limits)


if __name__ == "__main__":
    main()
