"""Curves of a training run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatewise.plots.figures import COLORS, annotate_right, epoch_axis, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gatewise.callbacks import History


def _draw_curve(
    axes: "Axes", epochs: npt.NDArray[np.int64], values: npt.NDArray[np.float64], color: str
) -> None:
    axes.plot(epochs, values, color=color, linewidth=2, marker="o" if len(epochs) == 1 else None)


def _label_ends(axes: "Axes", epoch: int, ends: list[tuple[str, float, str]], form: str) -> None:
    """Write each curve's name and last value at its end; labels that overlap are moved apart."""
    bottom, top = axes.get_ylim()
    ends = sorted(ends, key=lambda end: end[1])
    overlap = 0.15 * (top - bottom) - (ends[-1][1] - ends[0][1])
    shift = max(0.0, overlap) / 2 if len(ends) > 1 else 0.0
    for (name, value, color), side in zip(ends, (-1, 1), strict=False):
        annotate_right(axes, f"{name}\n{form.format(value)}", epoch, value + side * shift, color)


def _draw_panel(axes: "Axes", name: str, curves: Mapping[str, Sequence[float]]) -> None:
    is_share = "accuracy" in name or name == "acc"
    factor, form = (100.0, "{:.1f} %") if is_share else (1.0, "{:.3g}")
    ends = []
    last = 1
    for key, label, color in (
        (name, "training", COLORS[0]),
        (f"val_{name}", "validation", COLORS[1]),
    ):
        values = factor * np.asarray(curves.get(key, ()), dtype=np.float64)
        if values.size:
            _draw_curve(axes, np.arange(1, values.size + 1), values, color)
            ends.append((label, float(values[-1]), color))
            last = max(last, values.size)
    title = name.replace("_", " ")
    axes.set_title(title[:1].upper() + title[1:], loc="left", fontweight="bold")
    axes.set_ylabel(f"{title} (%)" if is_share else title)
    epoch_axis(axes, 1 if last > 1 else 0.5, max(last, 1.5))
    style_axes(axes)
    _label_ends(axes, last, ends, form)


def training_curves(history: "History | Mapping[str, Sequence[float]]") -> "Figure":
    """Draw loss and metrics over the epochs, training and validation in one panel each.

    Parameters
    ----------
    history : History or mapping of str to list of float
        The result of `fit`, or its `history`: one value per epoch under each name; the validation
        values of `name` are under `val_name`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for the loss and one for each metric, with curves labelled at their ends. Save it
        with `figure.savefig("curves.png")`.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    ValueError
        If the history is empty.
    """
    curves = history if isinstance(history, Mapping) else history.history
    names = list(dict.fromkeys(key.removeprefix("val_") for key in curves if len(curves[key])))
    if not names:
        raise ValueError("history: expected at least one epoch of values, got none")
    figure = new_figure(4.6 * len(names), 3.4)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, name, curves)
    return figure
