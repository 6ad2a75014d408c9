"""Figures of sparse weights: accuracy against sparsity, and nonzero weights by input."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gatewise._extras import import_extra
from gatewise.data.convert import check_numeric, to_array
from gatewise.plots.figures import COLORS, new_figure, style_axes
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "os^DvP*"
_TICKS = (0, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)

Point = tuple[float, float, float]
"""Nonzero weights, training accuracy and held-out accuracy, each in percent."""


def accuracy_against_zeros(points: Iterable[tuple[str, float, float, float]]) -> "Figure":
    """Draw the accuracy of models against their fraction of zero weights.

    Parameters
    ----------
    points : iterable of (name, zeros, training, held_out)
        For each model its name, its fraction of zeros in [0, 1), and its accuracies in [0, 1] on
        the training rows and on held-out rows. Points of one name are joined to a curve.

    Returns
    -------
    matplotlib.figure.Figure
        The fraction of zeros increases to the right, on a logarithmic scale of the remaining
        weights. Solid lines are held-out rows, dashed lines training rows.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    ValueError
        If there are no points, or a number is out of its range.
    """
    series = _to_series(points)
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    axes.set_xscale("log")
    for index, (name, values) in enumerate(series.items()):
        left, training, held_out = zip(*values, strict=True)
        color, marker = COLORS[index % len(COLORS)], _MARKERS[index % len(_MARKERS)]
        axes.plot(left, training, color=color, linewidth=1, linestyle=(0, (4, 3)), alpha=0.6)
        axes.plot(left, held_out, color=color, linewidth=2, marker=marker, label=name)
    _set_zeros(axes)
    axes.set_xlabel("weights that are exactly 0 (%)")
    axes.set_ylabel("accuracy (%)")
    axes.set_title("Accuracy against zeros", loc="left", fontweight="bold")
    style_axes(axes)
    note = "dashed: training rows"
    axes.legend(frameon=False, fontsize=8.5, title=note, title_fontsize=8, alignment="left")
    return figure


def input_weights(kernels: Mapping[str, Any], shape: Sequence[int]) -> "Figure":
    """Draw the count of nonzero weights of each input of a layer, where inputs are pixels.

    Parameters
    ----------
    kernels : mapping of str to array (d, u) or (E, d, u)
        Kernels of layers or experts, by title.
    shape : (height, width)
        Shape of an image; its product is d.

    Returns
    -------
    matplotlib.figure.Figure
        One image per kernel: a pixel is white if all its weights are 0, and darker the more
        nonzero weights it has, on one scale for all kernels.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    TypeError, ValueError
        If an argument has another type or shape, or there are no kernels.
    """
    height, width = (check_integer("shape", size, 1) for size in shape)
    counts = {name: _count_by_input(name, each, height * width) for name, each in kernels.items()}
    if not counts:
        raise ValueError("kernels: expected at least one, got none")
    max_count = max(1, max(int(each.max()) for each in counts.values()))
    columns = min(4, len(counts))
    lines = math.ceil(len(counts) / columns)
    figure = new_figure(2.1 * columns + 1.0, 2.1 * lines * max(0.5, height / width) + 0.5 * lines)
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, (name, each) in zip(panels.flat, counts.items(), strict=False):
        used = np.count_nonzero(each)
        # NaN is not drawn, so it is white.
        pixels = np.where(each > 0, each, np.nan).reshape(height, width)
        image = axes.imshow(pixels, cmap="Blues", vmin=0, vmax=max_count, interpolation="nearest")
        axes.set_title(f"{name}\n{used:,} of {each.size:,} inputs", fontsize=8.5)
        _draw_border(axes, height, width)
    bar = figure.colorbar(image, ax=panels, pad=0.02, shrink=0.85)
    bar.set_label("weights that are not 0")
    bar.outline.set_visible(False)
    return figure


def _to_series(points: Iterable[tuple[str, float, float, float]]) -> dict[str, list[Point]]:
    series: dict[str, list[Point]] = {}
    for name, zeros, training, held_out in points:
        if not (0 <= zeros < 1 and 0 <= training <= 1 and 0 <= held_out <= 1):
            raise ValueError(
                "points: expected zeros in [0, 1) and accuracies in [0, 1], "
                f"got {(name, zeros, training, held_out)}"
            )
        point = (100 * (1 - float(zeros)), 100 * float(training), 100 * float(held_out))
        series.setdefault(str(name), []).append(point)
    if not series:
        raise ValueError("points: expected at least one, got none")
    return {name: sorted(values, reverse=True) for name, values in series.items()}


def _set_zeros(axes: "Axes") -> None:
    """Labels the axis of remaining weights, reversed, with the percentage of zeros."""
    ticker = import_extra("matplotlib.ticker", "plots")
    low, high = axes.get_xlim()
    if high / low < 2:  # widen a narrow range so that it has at least one tick
        low, high = low / 2, high * 2
    axes.set_xlim(min(high, 115), low)
    shown = [tick for tick in _TICKS if low <= 100 - tick <= high]
    axes.xaxis.set_major_locator(ticker.FixedLocator([100 - tick for tick in shown]))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda left, _: f"{100 - left:g}"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def _count_by_input(name: str, kernel: Any, inputs: int) -> npt.NDArray[np.int64]:
    """Count of nonzero weights of each input, summed over experts."""
    weights = to_array(kernel, f"kernels[{name!r}]")
    check_numeric(weights, f"kernels[{name!r}]")
    if weights.ndim not in (2, 3) or weights.shape[-2] != inputs:
        raise ValueError(
            f"kernels[{name!r}]: expected shape ({inputs}, u) or (E, {inputs}, u), "
            f"got {weights.shape}"
        )
    experts = weights.reshape(-1, *weights.shape[-2:])
    counts: npt.NDArray[np.int64] = np.count_nonzero(experts, axis=(0, 2))
    return counts


def _draw_border(axes: "Axes", height: int, width: int) -> None:
    edges = {"fill": False, "edgecolor": "0.8", "linewidth": 0.8}
    rectangle = import_extra("matplotlib.patches", "plots").Rectangle
    axes.add_patch(rectangle((-0.5, -0.5), width, height, **edges))
