"""Figure of what the experts of a model have specialised in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.plots.figures import new_figure
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.figure import Figure

_LETTERS = 30
"""Letters of all names below an axis that fit beside each other."""


def specialisation(
    model: Any, x: Any, y: npt.ArrayLike, *, layer: Any = None, max_experts: int = 32
) -> Figure:
    """Draw which classes go to which experts, and which experts see the same rows.

    Left: of the rows of each class, the share whose chosen experts include expert e. Right: the
    cosine of two experts' rows, `n_ij / sqrt(n_i n_j)`, with n_ij the rows that have both.

    Parameters
    ----------
    model : Model, Layer or estimator
        With `routing(x)`.
    x : array or data frame (n, ...)
        Rows, as `routing` reads them.
    y : array (n,)
        The class of each row, of any type.
    layer : str or Layer, optional
        The expert layer of a model that has several.
    max_experts : int
        Experts that are drawn; of more, those of most rows.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    ValueError
        Lengths differ, or see `routing`.
    """
    labels = np.asarray(y)
    found = model.routing(x) if layer is None else model.routing(x, layer)
    chosen = _chosen(found, len(labels))
    order = np.argsort(-chosen.sum(axis=0), kind="stable")
    experts = np.sort(order[: check_integer("max_experts", max_experts, 1)])
    chosen = chosen[:, experts].astype(np.float64)
    classes = np.unique(labels)
    shares = np.stack([chosen[labels == each].mean(axis=0) for each in classes])
    together = chosen.T @ chosen
    sizes = np.sqrt(np.maximum(np.diag(together), 1))
    cosines = together / np.outer(sizes, sizes)
    height = 1.4 + 0.24 * max(len(experts), 5)
    figure = new_figure(4.6 + 0.32 * len(classes) + 0.24 * len(experts), height)
    widths = [max(2.0, 0.5 * len(classes)), max(3.0, 0.24 * len(experts))]
    left, right = figure.subplots(1, 2, width_ratios=widths)
    _draw(left, shares.T, experts, [str(each) for each in classes])
    left.set_title("Rows of a class (%)", loc="left", fontweight="bold")
    left.set_xlabel("class")
    image = _draw(right, cosines, experts, [str(each) for each in experts])
    right.set_title("Same rows (cosine)", loc="left", fontweight="bold")
    right.set_xlabel("expert")
    figure.colorbar(image, ax=[left, right], pad=0.02)
    return figure


def _chosen(found: Any, rows: int) -> npt.NDArray[np.bool_]:
    """Whether a row, for any member, has each expert `(n, E)`."""
    if hasattr(found, "tocsr"):
        count = found.shape[1]
        matrix = np.asarray(found.toarray() != 0).reshape(-1, rows, count)
        return np.asarray(matrix.any(axis=0), np.bool_)
    indices = found[0].reshape(-1, *found[0].shape[-2:])
    if indices.shape[1] % max(rows, 1) or indices.shape[1] < rows:
        raise ValueError(f"y: expected {indices.shape[1]} classes, one for each row, got {rows}")
    indices = indices.reshape(-1, rows, indices.shape[-1])
    chosen = np.zeros((rows, int(indices.max(initial=0)) + 1), np.bool_)
    for member in indices:
        chosen[np.arange(rows)[:, np.newaxis], member] = True
    return chosen


def _draw(axes: Any, values: Any, experts: Any, columns: list[str]) -> Any:
    image = axes.imshow(
        values, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=1
    )
    axes.set_ylabel("expert")
    axes.set_yticks(range(len(experts)), [str(each) for each in experts])
    axes.set_xticks(range(len(columns)), columns)
    if sum(map(len, columns)) > _LETTERS:
        axes.tick_params(axis="x", rotation=90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if values.size <= 200:
        for (row, column), value in np.ndenumerate(values):
            color = "white" if value > 0.6 else "black"
            text = f"{100 * value:.0f}" if values.shape[1] != values.shape[0] else f"{value:.1f}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
    return image
