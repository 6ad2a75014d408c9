"""Figures of rows and dictionaries of image data."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gatewise.data.convert import check_numeric, to_array
from gatewise.plots.figures import new_figure
from gatewise.sae.latent_statistics import (
    active_codes,
    count_active,
    image_values,
    strongest_rows,
    top_latents,
    total_activations,
)
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Doubles = npt.NDArray[np.float64]

_INCHES = 0.72
"""Height of an image with the text above it, in inches."""


def dictionary_images(
    decoder: Any, shape: Sequence[int], count: int = 64, features: Sequence[int] | None = None
) -> "Figure":
    """Draw decoder rows of a dictionary as small images.

    Parameters
    ----------
    decoder : array (m, d)
        Decoder W_d.
    shape : (height, width) or (height, width, 3)
        Shape of an image; its product is d.
    count : int
        Maximum count of rows, from the first on.
    features : sequence of int, optional
        Indices of the rows to draw, in this order, instead of the first rows.

    Returns
    -------
    matplotlib.figure.Figure
        Each image is scaled by its largest magnitude: white is 0, orange is positive, purple is
        negative. With 3 colours, grey is 0.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    TypeError, ValueError
        If an argument has another type or shape, or a feature is out of range.
    """
    images = _to_images(decoder, shape, "decoder")
    count = check_integer("count", count, 1)
    chosen = _to_features(range(len(images))[:count] if features is None else features, len(images))
    largest = np.abs(images[chosen]).reshape(len(chosen), -1).max(axis=1)
    signed = images[chosen] / np.where(largest > 0, largest, 1).reshape(-1, 1, 1, 1)
    columns = min(len(chosen), max(1, math.ceil(math.sqrt(1.6 * len(chosen)))))
    figure, axes = _new_mosaic(math.ceil(len(chosen) / columns), columns, shape, 0.9)
    lines = [list(range(start, len(chosen)))[:columns] for start in range(0, len(chosen), columns)]
    labels = [[str(chosen[index]) for index in line] for line in lines]
    in_color = len(shape) == 3
    image = _draw_mosaic(
        axes,
        [[signed[i] / 2 + 0.5 if in_color else signed[i] for i in line] for line in lines],
        labels,
        "PuOr_r",
        (-1, 1),
        shape,
        columns,
    )
    axes.set_title("Rows of the dictionary", loc="left", fontweight="bold")
    if not in_color:
        bar = figure.colorbar(image, ax=axes, pad=0.02, shrink=0.8, ticks=[-1, 0, 1])
        bar.set_label("relative value")
        bar.outline.set_visible(False)
    return figure


def top_rows(
    x: Any,
    codes: Any,
    shape: Sequence[int],
    features: Sequence[int] | None = None,
    count: int = 10,
) -> "Figure":
    """Draw the images that activate features most.

    Parameters
    ----------
    x : array (n, d)
        Images, one per row.
    codes : SciPy sparse matrix or array (n, m)
        Codes of the images.
    shape : (height, width) or (height, width, 3)
        Shape of an image; its product is d. Colours are from 0 to 1.
    features : sequence of int, optional
        Latents to draw, one per line. Default: the eight with the largest sums of activations.
    count : int
        Maximum count of images per latent.

    Returns
    -------
    matplotlib.figure.Figure
        Images of each latent by decreasing activation; the activation is above each image.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    TypeError, ValueError
        If an argument has another type or shape, or a feature is out of range.
    """
    images = _to_images(x, shape, "x")
    active = active_codes(codes, "codes")
    if active.shape[0] != len(images):
        raise ValueError(f"codes: expected {len(images)} rows, as x has, got {active.shape[0]}")
    count = check_integer("count", count, 1)
    chosen = _to_features(
        top_latents(total_activations(active), 8) if features is None else features,
        active.shape[1],
    )
    columns = active.tocsc()
    found = [strongest_rows(columns, feature, count) for feature in chosen]
    shares = 100 * count_active(active)[chosen] / active.shape[0]
    figure, axes = _new_mosaic(len(chosen), count, shape, 1.5)
    image = _draw_mosaic(
        axes,
        [list(images[rows]) for rows, _ in found],
        [[f"{value:.3g}" for value in values] for _, values in found],
        "gray",
        (float(images.min()), float(images.max())),
        shape,
        count,
    )
    names = [
        f"latent {feature}\n{share:.3g} % of rows" if share else f"latent {feature}\nnever active"
        for feature, share in zip(chosen, shares, strict=True)
    ]
    _name_lines(axes, image, names)
    axes.set_title("Strongest rows, and their activation", loc="left", fontweight="bold")
    return figure


def reconstructions(x: Any, y: Any, shape: Sequence[int], count: int = 10) -> "Figure":
    """Draw images above their reconstructions by an autoencoder.

    Parameters
    ----------
    x : array (n, d)
        Images, one per row; the first are drawn.
    y : array (n, d)
        Reconstructions of the images.
    shape : (height, width) or (height, width, 3)
        Shape of an image; its product is d. Colours are from 0 to 1.
    count : int
        Maximum count of images.

    Returns
    -------
    matplotlib.figure.Figure
        Both use the value range of the originals; the mean squared error is above each
        reconstruction.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    TypeError, ValueError
        If an argument has another type or shape.
    """
    originals, made = _to_images(x, shape, "x"), _to_images(y, shape, "y")
    if len(made) != len(originals):
        raise ValueError(f"y: expected {len(originals)} rows, as x has, got {len(made)}")
    count = min(check_integer("count", count, 1), len(originals))
    originals, made = originals[:count], made[:count]
    errors = np.mean((originals - made) ** 2, axis=(1, 2, 3))
    figure, axes = _new_mosaic(2, count, shape, 1.5)
    image = _draw_mosaic(
        axes,
        [list(originals), list(made)],
        [[f"row {row}" for row in range(count)], [f"{error:.2g}" for error in errors]],
        "gray",
        (float(originals.min()), float(originals.max())),
        shape,
        count,
    )
    _name_lines(axes, image, ["original", "reconstruction,\nmean squared error"])
    axes.set_title("Reconstructions", loc="left", fontweight="bold")
    return figure


def _to_images(value: Any, shape: Sequence[int], name: str) -> Doubles:
    """Reshapes rows (n, d) to images (n, height, width, 1 or 3)."""
    rows = to_array(value, name)
    check_numeric(rows, name)
    values = image_values(shape)
    height, width = (check_integer("shape", size, 1) for size in shape[:2])
    if rows.ndim != 2 or rows.shape[1] != values or len(rows) == 0:
        raise ValueError(f"{name}: expected shape (n, {values}) of images, got {rows.shape}")
    return rows.astype(np.float64).reshape(len(rows), height, width, -1)


def _to_features(features: Any, latents: int) -> list[int]:
    chosen = [check_integer("features", feature, 0) for feature in features]
    if not chosen or max(chosen) >= latents:
        raise ValueError(f"features: expected one or more below {latents}, got {chosen}")
    return chosen


def _new_mosaic(
    lines: int, columns: int, shape: Sequence[int], beside: float
) -> tuple["Figure", "Axes"]:
    """Figure and axes for lines of images, with `beside` inches of space beside them."""
    inches = _INCHES * min(2.0, max(0.5, shape[1] / shape[0]))
    figure = new_figure(max(4.8, inches * columns + beside), _INCHES * lines * 1.18 + 0.45)
    axes = figure.subplots()
    axes.set_axis_off()
    return figure, axes


def _draw_mosaic(
    axes: "Axes",
    lines: list[list[Doubles]],
    labels: list[list[str]],
    colors: str,
    limits: tuple[float, float],
    shape: Sequence[int],
    columns: int,
) -> "AxesImage":
    """Draw lines of images as one image, with a label above each."""
    height, width, channels = (*shape, 1)[:3]
    gap, above = max(1, round(0.08 * width)), max(2, round(0.28 * height))
    size = (len(lines) * (height + above), columns * (width + gap) - gap, channels)
    mosaic = np.full(size, 1.0 if channels == 3 else np.nan)
    for line, (images, names) in enumerate(zip(lines, labels, strict=True)):
        top = line * (height + above) + above
        for column, (image, name) in enumerate(zip(images, names, strict=True)):
            left = column * (width + gap)
            mosaic[top : top + height, left : left + width] = image
            axes.text(
                left + (width - 1) / 2,
                top - 0.5 - 0.04 * height,
                name,
                fontsize=7,
                ha="center",
                va="bottom",
            )
    flat = np.clip(mosaic, 0, 1) if channels == 3 else mosaic[..., 0]
    return axes.imshow(flat, cmap=colors, vmin=limits[0], vmax=limits[1], interpolation="nearest")


def _name_lines(axes: "Axes", image: "AxesImage", names: list[str]) -> None:
    rows = image.get_extent()[2] / len(names)
    for line, name in enumerate(names):
        axes.annotate(
            name,
            (0, (line + 0.6) * rows),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8.5,
        )
