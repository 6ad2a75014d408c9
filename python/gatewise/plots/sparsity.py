"""Figures of the sparsity of codes and of reconstruction against sparsity."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.plots.figures import COLORS, new_figure, style_axes
from gatewise.sae.latent_statistics import active_codes, count_active
from gatewise.sae.measures import density_bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vP*"


def density_histogram(codes: Any) -> "Figure":
    """Draw a histogram of latents by the fraction of rows in which they are active.

    Parameters
    ----------
    codes : SciPy sparse matrix or array (n, m), or dict
        Codes, or the result of `measure`.

    Returns
    -------
    matplotlib.figure.Figure
        Bars on a logarithmic scale of fractions; latents that are never active are in vermilion.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    TypeError, ValueError
        If `codes` is neither, or has no rows.
    """
    density = _to_density(codes)
    counts, edges, never = density["counts"], np.log10(density["edges"]), density["never"]
    shown = np.flatnonzero(counts)
    first = math.floor(edges[shown[0]]) if shown.size else -1
    figure = new_figure(6.4, 3.4)
    axes = figure.subplots()
    axes.bar(edges[:-1], counts, np.diff(edges) * 0.92, align="edge", color=COLORS[0])
    never_x = first - 0.12 * (2 - first)
    bar = axes.bar([never_x], [never], 0.25, color=COLORS[1])
    axes.bar_label(bar, [f"{never:,}"], fontsize=8.5, color=COLORS[1], padding=2)
    decades = range(first, 1)
    axes.set_xticks(
        [never_x, *decades], ["never", *(f"{100 * 10.0**decade:g} %" for decade in decades)]
    )
    axes.get_xticklabels()[0].set_color(COLORS[1])
    axes.set_xlim(never_x - 0.3, 0.05)
    axes.set_xlabel("share of the rows in which a latent is active")
    axes.set_ylabel("latents")
    axes.set_title(f"Density of {counts.sum() + never:,} latents", loc="left", fontweight="bold")
    axes.margins(y=0.1)
    style_axes(axes)
    return figure


def _to_density(codes: Any) -> Mapping[str, Any]:
    if isinstance(codes, Mapping):
        if "density" not in codes:
            raise ValueError(f"codes: expected the result of measure, got keys {list(codes)}")
        density: Mapping[str, Any] = codes["density"]
        return density
    active = active_codes(codes, "codes")
    if active.shape[0] == 0:
        raise ValueError(f"codes: expected at least one row, got shape {active.shape}")
    return density_bins(count_active(active), active.shape[0])


def fvu_against_l0(points: Iterable[tuple[str, float, float]]) -> "Figure":
    """Draw the unexplained variance of autoencoders against their active latents per row.

    Parameters
    ----------
    points : iterable of (name, l0, fvu)
        For each autoencoder its name, its active latents per row, and its fraction of variance
        unexplained, as `measure` returns them. Points of one name are joined to a curve.

    Returns
    -------
    matplotlib.figure.Figure
        l0 to the right, on a logarithmic scale; lower and further left is better.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    ValueError
        If there are no points, l0 is not above 0, or a number is not finite.
    """
    series = _to_series(points)
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    axes.set_xscale("log")
    for index, values in enumerate(series.values()):
        marker = _MARKERS[index % len(_MARKERS)]
        color = COLORS[index % len(COLORS)]
        axes.plot(*zip(*values, strict=True), color=color, marker=marker, linewidth=1.5)
    axes.set_xlabel("active latents per row (l0)")
    axes.set_ylabel("variance not explained (%)")
    axes.set_title("Reconstruction against sparsity", loc="left", fontweight="bold")
    axes.margins(x=0.06, y=0.08)
    _set_counts(axes)
    style_axes(axes)
    _label_series(figure, axes, series)
    return figure


def _to_series(points: Iterable[tuple[str, float, float]]) -> dict[str, list[tuple[float, float]]]:
    series: dict[str, list[tuple[float, float]]] = {}
    for name, l0, fvu in points:
        if not (math.isfinite(l0) and math.isfinite(fvu) and l0 > 0):
            raise ValueError(
                f"points: expected l0 above 0 and finite numbers, got {(name, l0, fvu)}"
            )
        series.setdefault(str(name), []).append((float(l0), 100 * float(fvu)))
    if not series:
        raise ValueError("points: expected at least one, got none")
    return {name: sorted(values) for name, values in series.items()}


def _set_counts(axes: "Axes") -> None:
    """Sets plain tick labels at 1, 2 and 5 times each power of ten."""
    ticker = import_extra("matplotlib.ticker", "plots")
    low, high = axes.get_xlim()
    if high / low < 1.5:  # widen a narrow range so that it has at least one tick
        middle = math.sqrt(low * high)
        axes.set_xlim(middle / 2, middle * 2)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def _label_series(
    figure: "Figure", axes: "Axes", series: Mapping[str, list[tuple[float, float]]]
) -> None:
    """Write each name beside its last point, above another label where the two would overlap."""
    size = 72 * figure.get_size_inches()
    width, height = 0.85 * size[0], 0.75 * size[1]  # approximate size of the axes in points
    to_axes = axes.transLimits.transform
    placed_labels: list[tuple[float, float, float]] = []
    ends = [(name, *values[-1], index) for index, (name, values) in enumerate(series.items())]
    for name, l0, fvu, index in sorted(ends, key=lambda end: end[2]):
        x, y = to_axes((math.log10(l0), fvu)) * (width, height)
        length, label_y = 5.2 * len(name) + 8, y
        for other_x, other_y, other_length in placed_labels:
            beside = x + length < other_x or other_x + other_length < x
            if not beside and label_y < other_y + 11:
                label_y = other_y + 11
        placed_labels.append((x, label_y, length))
        axes.annotate(
            name,
            (l0, fvu),
            xytext=(8, label_y - y),
            textcoords="offset points",
            color=COLORS[index % len(COLORS)],
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
