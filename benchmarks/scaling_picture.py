"""Plots the time per row as small multiples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .machine import Limits, Machine
from .scaling_cost import BASE, Cost, axis_value

MEANINGS = {
    "n": "n, rows",
    "d": "d, input width",
    "h": "h, hidden width",
    "E": "E, experts",
    "k": "k, experts per row",
    "threads": "threads",
}
COLUMNS = 3
LAYER_COLOUR, EXPERTS_COLOUR, BOUND_COLOUR = "#1f4e79", "#d9822b", "#8a8a8a"


def _draw_axis(axes: Any, letter: str, costs: Sequence[Cost], limits: Limits) -> None:
    values = [axis_value(letter, cost) for cost in costs]

    def per_row(seconds: Sequence[float]) -> list[float]:
        return [1e6 * each / cost.shape.n for each, cost in zip(seconds, costs, strict=True)]

    lines = {
        "layer": ([cost.seconds for cost in costs], LAYER_COLOUR, "o-"),
        "experts": ([cost.experts_seconds for cost in costs], EXPERTS_COLOUR, "s-"),
        "bound": ([cost.min_seconds(limits) for cost in costs], BOUND_COLOUR, "--"),
    }
    for name, (seconds, colour, style) in lines.items():
        axes.plot(values, per_row(seconds), style, color=colour, label=name, markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.minorticks_off()
    axes.tick_params(axis="x", labelsize=8)
    low, high = (round(math.log2(limit)) for limit in axes.get_ylim())
    ticks = [2.0**power for power in range(low, high + 1)]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_title(MEANINGS[letter], fontsize=10)
    axes.grid(alpha=0.3)


def draw(costs: Mapping[str, Sequence[Cost]], machine: Machine, path: Path) -> None:
    """Saves one picture with a panel per letter; both axes are logarithmic.

    The bound is the minimum time of the experts with all threads; reading counts only for kernels
    that do not fit a cache.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = -(-len(costs) // COLUMNS)
    size = (3.6 * COLUMNS, 2.9 * rows)
    figure, panels = pyplot.subplots(rows, COLUMNS, figsize=size, squeeze=False)
    for axes, (letter, measured) in zip(panels.flat, costs.items(), strict=False):
        _draw_axis(axes, letter, measured, machine.limits)
    for axes in panels[:, 0]:
        axes.set_ylabel("microseconds per row")
    panels[0, 0].legend(frameon=False, fontsize=9)
    figure.suptitle(
        f"Forward pass of one layer, {BASE.name} but for one letter; {machine.processor}, "
        f"{machine.threads} threads, {machine.date}",
        fontsize=10,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
