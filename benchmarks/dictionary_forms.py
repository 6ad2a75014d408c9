"""Time of a dictionary's training step and of `encode`, compared with a lower bound.

    python -m benchmarks.dictionary_forms

Each form runs a block of four steps, of which the first is not counted, because sleeping threads
start late. Shapes are those of `peers/dictionary.py`. The bound is the encoder's product at the
machine's peak; for a step it also includes one pass over what Adam reads and writes, 24 bytes per
parameter, at the bandwidth. Both limits are measured in every round; the best values count.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from .machine import Limits, describe, measure_limits
from .peers.dictionary import SHAPES, THREADS, Shape, make_batches, make_decoder

Call = Callable[[], object]
ADAM_BYTES = 24
STEPS_PER_BLOCK = 4


def step_of(shape: Shape, optimizer: dict[str, Any], **settings: Any) -> Call:
    """The training step of `fit`, over batches in turn."""
    import gatewise as gw
    from gatewise import _core

    _, d, m, _ = shape
    plain: dict[str, Any] = {"center": False, "scale": False, "input_dim": d, "seed": 0}
    sae = gw.SparseAutoencoder(m, **plain, **settings)
    decoder = make_decoder(shape)
    sae.dictionary.native.set("decoder", decoder)
    sae.dictionary.native.set("encoder", np.ascontiguousarray(decoder.T))
    sae.compile(gw.optimizers.Adam(**optimizer))
    trainer = sae._training.prepare_trainer()
    batches = [_core.Dataset([x], [x], [None]) for x in make_batches(shape)]
    samples, step = np.arange(shape[0]), iter(range(1 << 30))
    return lambda: trainer.train_step(batches[next(step) % len(batches)], samples)


def encoding_of(shape: Shape) -> Call:
    """`encode` of one batch, through the core."""
    import gatewise as gw
    from gatewise import _core

    _, d, m, k = shape
    sae = gw.SparseAutoencoder(
        m, activation=gw.TopK(k), center=False, scale=False, input_dim=d, seed=0
    )
    sae.dictionary.parameters()
    x = make_batches(shape)[0]
    return lambda: _core.encode(sae.dictionary.native, x)


def forms(shape: Shape) -> dict[str, Call]:
    """Calls to time, by name."""
    import gatewise as gw

    k = shape[3]
    top_k = gw.TopK(k)
    adam: dict[str, Any] = {"learning_rate": 1e-3}
    return {
        "encode": encoding_of(shape),
        "step, TopK": step_of(shape, adam, activation=top_k),
        "step, BatchTopK": step_of(shape, adam, activation=gw.BatchTopK(k)),
        "step, TopK, clipped": step_of(shape, adam | {"global_clipnorm": 1.0}, activation=top_k),
        "step, TopK, 4 experts": step_of(shape, adam, activation=top_k, num_experts=4),
    }


def run(shape: Shape, rounds: int) -> None:
    """Prints the table of one shape."""
    import gatewise as gw

    gw.set_num_threads(THREADS)
    n, d, m, k = shape
    calls = forms(shape)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    limits = Limits(0.0, 0.0)
    for round_index in range(rounds + 2):
        limits = limits.best(measure_limits(THREADS))
        for name, call in calls.items():
            block_seconds = []
            for _ in range(STEPS_PER_BLOCK):
                start = perf_counter()
                call()
                block_seconds.append(perf_counter() - start)
            if round_index >= 2:
                seconds[name].append(median(block_seconds[STEPS_PER_BLOCK // 4 :]))
    product = 2.0 * n * d * m / limits.flops
    adam = ADAM_BYTES * 2.0 * m * d / limits.bytes
    print(f"\nn={n} d={d} m={m} k={k}, {THREADS} threads; limits {limits}")
    print(f"{'':24} {'median ms':>10} {'min ms':>8} {'to TopK':>8} {'to bound':>9} {'least':>6}")
    for name, each in seconds.items():
        bound = product + (adam if name.startswith("step") else 0)
        relative = median(each) / median(seconds["step, TopK"])
        print(
            f"{name:24} {1e3 * median(each):10.1f} {1e3 * min(each):8.1f} {relative:8.2f} "
            f"{median(each) / bound:9.2f} {min(each) / bound:6.2f}"
        )


def main() -> None:
    """Prints the machine and a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(describe(THREADS), flush=True)
    for shape in SHAPES:
        run(shape, rounds)


if __name__ == "__main__":
    main()
