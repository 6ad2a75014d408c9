"""Pictures of a training run. matplotlib is imported at the first picture (extra `plots`)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatewise._extras import import_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gatewise.callbacks import History

# Blue and vermilion of Okabe and Ito's palette: told apart with every common colour blindness, and
# in grey by their lightness.
_TRAINING, _VALIDATION = "#0072B2", "#D55E00"


def _new_figure(width: float, height: float) -> "Figure":
    # A plain Figure: pyplot would keep every picture in memory and may open a window.
    figure: Figure = import_extra("matplotlib.figure", "plots").Figure(
        figsize=(width, height), layout="constrained"
    )
    return figure


def _epoch_axis(axes: "Axes", first: float, last: float) -> None:
    axes.set_xlabel("epoch")
    axes.set_xlim(first, last)
    axes.xaxis.set_major_locator(
        import_extra("matplotlib.ticker", "plots").MaxNLocator(integer=True, min_n_ticks=1)
    )


def _tidy(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _write_beside(axes: "Axes", text: str, x: float, y: float, color: str) -> None:
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


def _draw_curve(
    axes: "Axes", epochs: npt.NDArray[np.int64], values: npt.NDArray[np.float64], color: str
) -> None:
    axes.plot(epochs, values, color=color, linewidth=2, marker="o" if len(epochs) == 1 else None)


def _label_ends(axes: "Axes", epoch: int, ends: list[tuple[str, float, str]], form: str) -> None:
    """Write each curve's name and last value at its end, moved apart where two would overlap."""
    bottom, top = axes.get_ylim()
    ends = sorted(ends, key=lambda end: end[1])
    overlap = 0.15 * (top - bottom) - (ends[-1][1] - ends[0][1])
    shift = max(0.0, overlap) / 2 if len(ends) > 1 else 0.0
    for (name, value, color), side in zip(ends, (-1, 1), strict=False):
        _write_beside(axes, f"{name}\n{form.format(value)}", epoch, value + side * shift, color)


def _draw_panel(axes: "Axes", name: str, curves: Mapping[str, Sequence[float]]) -> None:
    is_share = "accuracy" in name or name == "acc"
    factor, form = (100.0, "{:.1f} %") if is_share else (1.0, "{:.3g}")
    ends = []
    last = 1
    for key, label, color in (
        (name, "training", _TRAINING),
        (f"val_{name}", "validation", _VALIDATION),
    ):
        values = factor * np.asarray(curves.get(key, ()), dtype=np.float64)
        if values.size:
            _draw_curve(axes, np.arange(1, values.size + 1), values, color)
            ends.append((label, float(values[-1]), color))
            last = max(last, values.size)
    title = name.replace("_", " ")
    axes.set_title(title[:1].upper() + title[1:], loc="left", fontweight="bold")
    axes.set_ylabel(f"{title} (%)" if is_share else title)
    _epoch_axis(axes, 1 if last > 1 else 0.5, max(last, 1.5))
    _tidy(axes)
    _label_ends(axes, last, ends, form)


def training_curves(history: "History | Mapping[str, Sequence[float]]") -> "Figure":
    """Draw loss and metrics over the epochs, training and validation in one panel each.

    Parameters
    ----------
    history : History or mapping of str to list of float
        What `fit` returned, or its `history`: one value an epoch under each name; the validation
        value of `name` is under `val_name`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for the loss and one for each metric, curves labelled at their ends. Save it with
        `figure.savefig("curves.png")`.

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
    figure = _new_figure(4.6 * len(names), 3.4)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, name, curves)
    return figure


def _check_rows(rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
    counts = np.asarray(rows, dtype=np.float64)
    if counts.ndim != 2 or 0 in counts.shape:
        raise ValueError(f"rows: expected shape (epochs, E), none of them 0, got {counts.shape}")
    if not np.all(counts >= 0) or not np.all(np.isfinite(counts)):
        raise ValueError("rows: expected finite counts of at least 0")
    return counts


def expert_load(rows: npt.ArrayLike) -> "Figure":
    """Draw as a heat map which share of the rows each expert received in each epoch.

    The share of expert `e` in epoch `t` is `rows[t, e] / sum_j rows[t, j]`; even load is `1 / E`.

    Parameters
    ----------
    rows : array_like of shape (epochs, E)
        Rows sent to each expert during each epoch: `layer.load_.rows` after each.

    Returns
    -------
    matplotlib.figure.Figure
        Experts downwards, epochs to the right; with 32 experts at most, the last epoch's share is
        written beside each. White is even load, orange above it, purple below.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    ValueError
        If `rows` has another shape, or a count is negative or not finite.
    """
    counts = _check_rows(rows)
    epochs, num_experts = counts.shape
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    even = 100 / num_experts
    figure = _new_figure(6.6, 1.3 + 0.21 * num_experts)
    axes = figure.subplots()
    image = axes.imshow(
        shares.T,
        aspect="auto",
        interpolation="nearest",
        cmap="PuOr_r",  # white at even load; purple and orange differ to colour-blind eyes too
        vmin=0,
        vmax=2 * even,
        extent=(0.5, epochs + 0.5, num_experts - 0.5, -0.5),
    )
    axes.set_title("Load per expert (at the right: last epoch)", loc="left", fontweight="bold")
    axes.set_ylabel("expert")
    _epoch_axis(axes, 0.5, epochs + 0.5)
    if num_experts <= 32:
        axes.set_yticks(range(num_experts))
        for expert, share in enumerate(shares[-1]):
            _write_beside(axes, f"{share:.1f} %", epochs + 0.5, expert, "black")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(
        image, ax=axes, pad=0.03, extend="max" if shares.max() > 2 * even else "neither"
    )
    bar.set_label(f"share of the epoch's rows (%); even load is {even:.3g} %")
    return figure
