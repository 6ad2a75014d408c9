"""Figure of the load per expert over a training."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatewise.plots.figures import annotate_right, epoch_axis, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _check_rows(rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
    counts = np.asarray(rows, dtype=np.float64)
    if counts.ndim != 2 or 0 in counts.shape:
        raise ValueError(f"rows: expected shape (epochs, E), none of them 0, got {counts.shape}")
    if not np.all(counts >= 0) or not np.all(np.isfinite(counts)):
        raise ValueError("rows: expected finite counts of at least 0")
    return counts


def expert_load(rows: npt.ArrayLike) -> "Figure":
    """Draw a heat map of the share of rows that each expert received in each epoch.

    The share of expert `e` in epoch `t` is `rows[t, e] / sum_j rows[t, j]`; even load is `1 / E`.

    Parameters
    ----------
    rows : array_like of shape (epochs, E)
        Rows sent to each expert in each epoch: `layer.load_.rows` after each epoch.

    Returns
    -------
    matplotlib.figure.Figure
        Experts downwards, epochs to the right; with at most 32 experts, the share of the last
        epoch is written beside each. White is even load, orange is more, purple is less.

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
    figure = new_figure(6.6, 1.3 + 0.21 * num_experts)
    axes = figure.subplots()
    image = axes.imshow(
        shares.T,
        aspect="auto",
        interpolation="nearest",
        cmap="PuOr_r",  # white at even load; purple and orange are safe for colour blindness
        vmin=0,
        vmax=2 * even,
        extent=(0.5, epochs + 0.5, num_experts - 0.5, -0.5),
    )
    axes.set_title("Load per expert (at the right: last epoch)", loc="left", fontweight="bold")
    axes.set_ylabel("expert")
    epoch_axis(axes, 0.5, epochs + 0.5)
    if num_experts <= 32:
        axes.set_yticks(range(num_experts))
        for expert, share in enumerate(shares[-1]):
            annotate_right(axes, f"{share:.1f} %", epochs + 0.5, expert, "black")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(
        image, ax=axes, pad=0.03, extend="max" if shares.max() > 2 * even else "neither"
    )
    bar.set_label(f"share of the epoch's rows (%); even load is {even:.3g} %")
    return figure
