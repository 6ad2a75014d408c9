"""Time of a training step of gated units against the fraction of open units.

    python -m benchmarks.gated_units --out docs/gated_units.png

64 units of width 256 in 16 groups over 512 inputs, batches of 256 rows, Adam. A given fraction of
the (row, group) pairs is open; the units of a group open together. The first inputs of a row
determine its open groups, and the learning rate is so small that gates do not change. The
fractions are timed in turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from .machine import describe

ROWS, INPUTS, WIDTH, UNITS, GROUPS = 256, 512, 256, 64, 16
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
THREADS = 2
STRONG = 25.0
"""A gate's weight: g is then within 1e-10 of 0 or 1."""


def rows_and_gates(share: float) -> tuple[Any, Any]:
    """Rows whose first inputs encode the open groups, and gate weights that read them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, INPUTS)).astype(np.float32)
    is_open = np.zeros((ROWS, GROUPS), np.bool_)
    count = round(share * ROWS * GROUPS)
    is_open.reshape(-1)[rng.permutation(ROWS * GROUPS)[:count]] = True
    x[:, :GROUPS] = np.where(is_open, 1, -1)
    gates = np.zeros((INPUTS, UNITS), np.float32)
    for unit in range(UNITS):
        gates[unit * GROUPS // UNITS, unit] = STRONG
    return x, gates


def step_of(share: float, combine: str) -> Any:
    """A training step of the layer alone, with targets of 0."""
    import gatewise as gw
    from gatewise import _core

    x, gates = rows_and_gates(share)
    layer = gw.layers.GatedExperts(UNITS, WIDTH, groups=GROUPS, combine=combine, seed=0)
    model = gw.Sequential([gw.Input((INPUTS,)), layer])
    layer.native.set("gate_kernel", gates)
    # Steps of 1e-9 open or shut no gate.
    model.compile(gw.optimizers.Adam(1e-9), "mse")
    trainer = model._training.prepare_trainer()
    target = np.zeros((ROWS, model.output_shape[-1]), np.float32)
    data = _core.Dataset([x], [target], [None])
    samples = np.arange(ROWS)
    found = float(layer.open_shares(x).mean())
    assert abs(found - share) < 1e-3, f"{found} of the units are open"
    return lambda: trainer.train_step(data, samples)


def measure(combine: str, rounds: int) -> dict[float, list[float]]:
    """Seconds of a step by fraction of open units."""
    steps = {share: step_of(share, combine) for share in SHARES}
    seconds: dict[float, list[float]] = {share: [] for share in SHARES}
    for round_index in range(rounds + 2):
        for share, step in steps.items():
            start = perf_counter()
            step()
            if round_index >= 2:
                seconds[share].append(perf_counter() - start)
    return seconds


def draw(found: dict[str, dict[float, list[float]]], title: str, path: Path) -> None:
    """Plots the time of a step for each form, relative to that with all units open."""
    from gatewise.plots.figures import COLORS, new_figure, style_axes

    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    percent = [100 * share for share in SHARES]
    axes.plot([0, 100], [0, 100], color="0.8", linestyle="--", label="in proportion")
    for at, (name, seconds) in enumerate(found.items()):
        whole = median(seconds[1.0])
        relative = [100 * median(seconds[share]) / whole for share in SHARES]
        axes.plot(percent, relative, color=COLORS[at], marker="o", label=name)
    axes.set_xlim(0, 103)
    axes.set_ylim(0, 108)
    axes.set_xlabel("groups open per row (%)")
    axes.set_ylabel("time of a training step (% of all open)")
    axes.set_title(title, loc="left", fontsize=9)
    axes.legend(frameon=False)
    style_axes(axes)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Prints the machine and a line for each fraction; plots them with `--out`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--out", type=Path, help="PNG file of the plot")
    given = parser.parse_args()
    machine = describe(THREADS)
    print(machine, flush=True)
    found = {}
    for name, combine in (("sum", "sum"), ("side by side", "concat")):
        found[name] = seconds = measure(combine, given.rounds)
        print(f"\n{name}\n{'open':>6} {'median ms':>10} {'min ms':>8} {'to all open':>12}")
        for share, each in seconds.items():
            relative = median(each) / median(seconds[1.0])
            print(
                f"{share:6.0%} {1e3 * median(each):10.2f} {1e3 * min(each):8.2f} {relative:12.2f}"
            )
    if given.out:
        title = f"{UNITS} gated units in {GROUPS} groups, d {INPUTS}, p {WIDTH}, {ROWS} rows"
        draw(found, title, given.out)
        print(f"written: {given.out}")


if __name__ == "__main__":
    main()
