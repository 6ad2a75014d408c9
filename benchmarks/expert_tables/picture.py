"""Draws regimes and routing: `python -m benchmarks.expert_tables.picture --out docs/regimes.png`.

Eight pairs of moons at eight places, each rotated by another angle: the held-out rows with their
classes, the expert of largest score at each place, and the probability of the second class.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import gatewise as gw
from benchmarks.expert_tables.development import moons_at_eight_locations
from benchmarks.expert_tables.recipe import fitted
from benchmarks.expert_tables.table import split

POINTS, RANGE = 300, 2.2
"""Points of the grid along each axis, and its largest coordinate, in standard deviations."""


def first_experts(layer: gw.SparseExpertLayer, x: Any) -> Any:
    """The expert of largest score for each row."""
    indices, _ = layer.routing(x)
    return np.asarray(indices[:, 0])


def draw(model: gw.Sequential, held_out: tuple[Any, Any], path: Path) -> None:
    """Writes the picture."""
    from matplotlib.figure import Figure

    x, y = held_out
    axis = np.linspace(-RANGE, RANGE, POINTS)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    layer: Any = model.layers[-1]
    experts = first_experts(layer, grid).reshape(POINTS, POINTS)
    used, which = np.unique(experts, return_inverse=True)
    probability = model.predict(grid, verbose=0)[:, 1].reshape(POINTS, POINTS)
    figure = Figure((10.5, 3.8), layout="constrained")
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    extent = (-RANGE, RANGE, -RANGE, RANGE)
    for label, color in enumerate(("#0072B2", "#D55E00")):
        rows = x[y == label]
        panels[0].plot(rows[:, 0], rows[:, 1], ".", color=color, markersize=2.5)
    panels[1].imshow(
        which.reshape(POINTS, POINTS), origin="lower", extent=extent, cmap="tab20", vmax=19
    )
    panels[2].imshow(probability, origin="lower", extent=extent, cmap="RdBu_r", vmin=0, vmax=1)
    titles = (
        "held-out rows, two classes",
        f"expert of largest score ({len(used)} of {layer.num_experts})",
        "probability of the second class",
    )
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title, fontsize=10)
        panel.set_aspect("equal")
        panel.set_xlim(-RANGE, RANGE)
        panel.set_ylim(-RANGE, RANGE)
        panel.set_xticks([])
        panel.set_yticks([])
    figure.savefig(path, dpi=80, bbox_inches="tight")


def main() -> None:
    """Trains the experts of the tables with seed 0 and draws them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("regimes.png"))
    path = parser.parse_args().out
    table = moons_at_eight_locations()
    parts = split(table, 0)
    draw(fitted("experts", table, parts, 0), parts.held_out, path)


if __name__ == "__main__":
    main()
