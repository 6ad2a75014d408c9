"""Helpers of all figures. matplotlib is imported with the first figure (extra `plots`)."""

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from gatewise._extras import import_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Palette of Okabe and Ito: distinct with every common colour blindness. The first two, blue and
# vermilion, also differ in grey by their lightness.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_NOTEBOOK_DPI = 100


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure; width and height in inches."""
    # Not by pyplot, which keeps every figure in memory and may open a window.
    base = import_extra("matplotlib.figure", "plots").Figure
    figure: Figure = _notebook_figure(base)(figsize=(width, height), layout="constrained")
    return figure


@lru_cache(maxsize=1)
def _notebook_figure(base: "type[Figure]") -> "type[Figure]":
    """A figure that every notebook shows, also one that has not imported pyplot."""

    def _repr_png_(figure: "Figure") -> bytes:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=_NOTEBOOK_DPI)
        return file.getvalue()

    return type("Figure", (base,), {"_repr_png_": _repr_png_})


def epoch_axis(axes: "Axes", first: float, last: float) -> None:
    """Makes the x axis one of epochs, with integer ticks."""
    axes.set_xlabel("epoch")
    axes.set_xlim(first, last)
    axes.xaxis.set_major_locator(
        import_extra("matplotlib.ticker", "plots").MaxNLocator(integer=True, min_n_ticks=1)
    )


def style_axes(axes: "Axes") -> None:
    """Removes the top and right frame and draws faint grid lines behind the values."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def annotate_right(axes: "Axes", text: str, x: float, y: float, color: str) -> None:
    """Writes text to the right of a point."""
    axes.annotate(
        text,
        (x, y),
        xytext=(6, 0),
        textcoords="offset points",
        color=color,
        va="center",
        fontsize=8.5,
        annotation_clip=False,
    )


def annotate_below(axes: "Axes", text: str, x: float, y: float, color: str) -> None:
    """Writes text under a point."""
    axes.annotate(
        text,
        (x, y),
        xytext=(0, -7),
        textcoords="offset points",
        color=color,
        ha="center",
        va="top",
        fontsize=8,
        annotation_clip=False,
    )
