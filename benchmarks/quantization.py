"""Effect of `model.quantize` on time, bytes and predictions: the table of docs/quantization.md.

    python -m benchmarks.quantization

Times MLP experts (d 1,024, h 2,048, E 32, k 4) with one row and with 4,096 rows, in each storage
type in turn; then compares predictions of trained models, of digits (the demo's, needs the extra
`demo`) and of glosses (45 lexical fields), on held-out rows, and those of random layers of the
sizes of published language models. Each call takes a new row, so that the weights read exceed eight
times a last-level cache of 64 MB in float32, and of 16 MB in int8.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from statistics import median
from time import perf_counter

import numpy as np

import gatewise as gw
from benchmarks.expert_tables.development import TABLES
from gatewise.demo import build_model, split_rows
from gatewise.demo_data import load_digits

WIDTH, HIDDEN, EXPERTS, CHOSEN = 1024, 2048, 32, 4
SINGLE_ROWS, BATCH, BATCHES = 200, 4096, 5
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1, "int4": 4.125 / 8}
BLOCK_SIZES = (32, 64, 128)
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
    """Compares the demo's model with its quantized copies."""
    for seed in range(SEEDS):
        gw.utils.set_random_seed(seed)
        data = split_rows(load_digits(), seed)
        model = build_model(784, 10)
        model.fit(data.x, data.y, epochs=EPOCHS, verbose=0)
        compare_all(f"digits {seed}", model, data.x_held_out)


def show_glosses() -> None:
    """Compares models of sentence embeddings with their quantized copies."""
    glosses = TABLES["glosses"]()
    for seed in range(SEEDS):
        gw.utils.set_random_seed(seed)
        order = np.random.default_rng(seed).permutation(len(glosses.x))
        kept, held_out = order[:-2000], order[-2000:]
        experts = gw.SparseExpertLayer(128, expert=gw.experts.MLP(128), activation="relu")
        last = gw.layers.Dense(glosses.classes, "softmax")
        model = gw.Sequential([gw.Input(shape=(glosses.x.shape[1],)), experts, last])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(glosses.x[kept], glosses.y[kept], epochs=EPOCHS, verbose=0)
        compare_all(f"glosses {seed}", model, glosses.x[held_out])


def show_real_shapes() -> None:
    """Relative errors (norms) of random layers."""
    for name, width, hidden in (("granite", 1024, 512), ("olmoe", 2048, 1024)):
        gw.utils.set_random_seed(0)
        expert = gw.experts.GLU(hidden, activation="silu", use_bias=False)
        layer = gw.SparseExpertLayer(width, num_experts=8, k=2, expert=expert, use_bias=False)
        model = gw.Sequential([gw.Input(shape=(width,)), layer])
        x = np.random.default_rng(0).normal(size=(256, width)).astype(np.float32)
        expected = model.predict(x, verbose=0)
        for kind, each in compared(model):
            error = np.linalg.norm(each.predict(x, verbose=0) - expected)
            print(f"{name:12} {kind:9} error {error / np.linalg.norm(expected):.4f}")


def compared(model: gw.Sequential) -> Iterator[tuple[str, gw.Sequential]]:
    """The quantized copies of a model, those of int4 for each size of blocks."""
    yield "bfloat16", model.quantize("bfloat16")
    yield "int8", model.quantize("int8")
    for size in BLOCK_SIZES:
        yield f"int4, {size}", model.quantize("int4", block_size=size)


def compare_all(name: str, model: gw.Sequential, x: np.ndarray) -> None:
    """Prints sizes and what rounding does to predictions."""
    print(f"{name:12} float32   {model.count_bytes() / 1e6:7.2f} MB")
    for kind, each in compared(model):
        print(f"{name:12} {kind:9} {each.count_bytes() / 1e6:7.2f} MB", end="  ")
        print(model.compare(each, x))


if __name__ == "__main__":
    config = gw.show_config()
    bandwidth = read_bandwidth(config["threads"])
    print(f"read bandwidth    {bandwidth / 1e9:.1f} GB/s")
    show_times()
    show_digits()
    show_glosses()
    show_real_shapes()
