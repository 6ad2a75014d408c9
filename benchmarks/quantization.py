"""Effect of `model.quantize` on time, bytes and predictions: the table of docs/quantization.md.

    python benchmarks/quantization.py

Times MLP experts (d 1,024, h 2,048, E 32, k 4) with one row and with 4,096 rows, in float32,
bfloat16 and int8 in turn; then evaluates the demo's model on the held-out digits (needs the extra
`demo`). Each call takes a new row, so that the weights read exceed eight times a last-level cache
of 64 MB in float32, and of 16 MB in int8.
"""

from __future__ import annotations

import threading
from statistics import median
from time import perf_counter

import numpy as np

import gatewise as gw
from gatewise.demo import build_model, split_rows
from gatewise.demo_data import load_digits

WIDTH, HIDDEN, EXPERTS, CHOSEN = 1024, 2048, 32, 4
SINGLE_ROWS, BATCH, BATCHES = 200, 4096, 5
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
SEEDS, EPOCHS = 3, 10


def read_bandwidth(threads: int) -> float:
    """Bytes per second at which threads read 512 MB, each its own part; best of ten repeats."""
    parts = np.array_split(np.ones(128 << 20, np.float32), threads)
    best = float("inf")
    for _ in range(10):
        readers = [threading.Thread(target=part.max) for part in parts]
        start = perf_counter()
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        best = min(best, perf_counter() - start)
    return sum(part.nbytes for part in parts) / best


def all_storages(model: gw.Sequential) -> dict[str, gw.Sequential]:
    """The model and its quantized copies, by storage type."""
    return {kind: model if kind == "float32" else model.quantize(kind) for kind in BYTES}


def time_alternating(
    models: dict[str, gw.Sequential], batches: list[np.ndarray], warm_up: int
) -> dict[str, float]:
    """Median seconds per predicted batch; the models take turns on each batch."""
    seconds: dict[str, list[float]] = {kind: [] for kind in models}
    for batch_index, x in enumerate(batches):
        for kind, model in models.items():
            start = perf_counter()
            model.predict(x, batch_size=len(x), verbose=0)
            if batch_index >= warm_up:
                seconds[kind].append(perf_counter() - start)
    return {kind: median(each) for kind, each in seconds.items()}


def show_times() -> None:
    """Prints the times of one row, then of a large batch."""
    gw.utils.set_random_seed(0)
    layer = gw.SparseExpertLayer(
        WIDTH, num_experts=EXPERTS, k=CHOSEN, expert=gw.experts.MLP(HIDDEN)
    )
    models = all_storages(gw.Sequential([gw.Input(shape=(WIDTH,)), layer]))
    x = np.random.default_rng(0).normal(size=(BATCH, WIDTH)).astype(np.float32)
    rows = [x[i : i + 1] for i in range(SINGLE_ROWS + 20)]
    for kind, seconds in time_alternating(models, rows, 20).items():
        size = CHOSEN * 2 * WIDTH * HIDDEN * BYTES[kind]
        print(f"one row     {kind:9} {seconds * 1e3:7.3f} ms {size / seconds / 1e9:6.1f} GB/s")
    flops = 2 * CHOSEN * BATCH * 2 * WIDTH * HIDDEN
    for kind, seconds in time_alternating(models, [x] * (BATCHES + 1), 1).items():
        speed = flops / seconds / 1e9
        print(f"{BATCH:,} rows  {kind:9} {seconds * 1e3:7.1f} ms {speed:6.1f} GFLOP/s")


def show_digits() -> None:
    """Prints sizes of the demo's model and its quantized copies, and compares predictions."""
    for seed in range(SEEDS):
        gw.utils.set_random_seed(seed)
        data = split_rows(load_digits(), seed)
        model = build_model(784, 10)
        model.fit(data.x, data.y, epochs=EPOCHS, verbose=0)
        for kind, each in all_storages(model).items():
            print(f"digits {seed}    {kind:9} {each.count_bytes() / 1e6:7.2f} MB", end="  ")
            print(model.compare(each, data.x_held_out))


if __name__ == "__main__":
    config = gw.show_config()
    bandwidth = read_bandwidth(config["threads"])
    print(f"read bandwidth    {bandwidth / 1e9:.1f} GB/s")
    show_times()
    show_digits()
