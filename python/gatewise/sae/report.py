"""Reports on the latents of an autoencoder: their strongest rows and nearest latents."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from gatewise.data.convert import Array, check_numeric, to_array
from gatewise.sae.latent_statistics import (
    active_codes,
    count_active,
    image_values,
    nearest_features,
    strongest_rows,
    top_latents,
    total_activations,
)
from gatewise.utils.checks import check_integer
from gatewise.utils.deprecation import renamed_arguments

_MAX_CHARACTERS = 200
"""Characters of a row's text that are shown."""

# Translucent grey is visible on light and dark backgrounds.
_LINE = "border-top:1px solid rgba(128,128,128,.4)"
_CELL = f"{_LINE};padding:6px 12px 6px 0;vertical-align:top;text-align:left"
_BAR = "background:#56B4E9;height:4px;margin-top:3px"
_SMALL = "opacity:.75;font-size:90%"


@dataclass(frozen=True)
class ActiveRow:
    """A row in which a latent is active, with its text and image if given."""

    row: int
    activation: float
    text: str | None
    image: Array | None


@dataclass(frozen=True)
class FeatureReport:
    """A latent: its density, sum of activations, strongest rows and nearest latents."""

    feature: int
    density: float
    total: float
    rows: tuple[ActiveRow, ...]
    neighbours: tuple[tuple[int, float], ...]

    def describe_density(self) -> str:
        """The density in words."""
        return f"{100 * self.density:.3g} % of rows" if self.density else "never active"

    def describe_neighbours(self) -> str:
        """The nearest latents with their cosines."""
        return ", ".join(f"{other} ({cosine:.2f})" for other, cosine in self.neighbours)


@dataclass(frozen=True)
class Report:
    """The result of `report`: text when printed, an HTML table in a notebook."""

    features: tuple[FeatureReport, ...]
    rows: int
    latents: int
    alive: int

    def __str__(self) -> str:
        return "\n\n".join([self.heading(), *map(_feature_text, self.features)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return _html_page(self)

    def heading(self) -> str:
        """Summary in one line."""
        return (
            f"{len(self.features):,} of {self.latents:,} latents "
            f"({self.alive:,} active in {self.rows:,} rows)"
        )


@renamed_arguments(most="max_latents")
def report(
    codes: Any,
    decoder: Any,
    x: Any = None,
    texts: Sequence[str] | None = None,
    features: Sequence[int] | None = None,
    rows: int = 5,
    neighbours: int = 3,
    max_latents: int = 20,
    shape: Sequence[int] | None = None,
) -> Report:
    """For each latent, the rows with its largest activations and its nearest latents.

    Parameters
    ----------
    codes : SciPy sparse matrix or array (n, m)
        Codes of rows.
    decoder : array (m, d)
        W_d, whose rows are compared by cosine.
    x : array (n, d), optional
        The rows, shown as images if `shape` is given.
    texts : sequence of n str, optional
        Text of each row; the first 200 characters are shown.
    features : sequence of int, optional
        Latents to report, in this order; default those with the largest sum of activations over all
        rows, largest first.
    rows, neighbours : int
        Maximum of rows and of nearest latents per latent.
    max_latents : int
        Maximum of latents if `features` is omitted.
    shape : (height, width) or (height, width, 3), optional
        Shape of an image; colours are in [0, 1].

    Returns
    -------
    Report
        `print(report)` prints text; a notebook shows a table.

    Raises
    ------
    TypeError
        An argument has the wrong type.
    ValueError
        Counts of rows or latents differ, or a feature or another argument is out of range.
    """
    active = active_codes(codes, "codes")
    count, latents = active.shape
    directions = to_array(decoder, "decoder")
    check_numeric(directions, "decoder")
    if directions.ndim != 2 or len(directions) != latents:
        raise ValueError(f"decoder: expected shape ({latents}, d), got {directions.shape}")
    rows, neighbours = check_integer("rows", rows, 0), check_integer("neighbours", neighbours, 0)
    max_latents = check_integer("max_latents", max_latents, 0)
    texts = None if texts is None else list(texts)  # a pandas object is indexed by labels
    if texts is not None and len(texts) != count:
        raise ValueError(f"texts: expected {count}, one for each row, got {len(texts)}")
    images = None if x is None or shape is None else _to_images(x, shape, count)
    totals, active_rows = total_activations(active), count_active(active)
    chosen = (
        top_latents(totals, max_latents) if features is None else _to_features(features, latents)
    )
    columns = active.tocsc()
    nearest, cosines = nearest_features(directions, chosen, neighbours)
    found = []
    for feature, others, near in zip(chosen.tolist(), nearest, cosines, strict=True):
        strongest = zip(*strongest_rows(columns, feature, rows), strict=True)
        found.append(
            FeatureReport(
                feature,
                float(active_rows[feature] / count) if count else 0.0,
                float(totals[feature]),
                tuple(_active_row(int(r), float(value), texts, images) for r, value in strongest),
                tuple(zip(others.tolist(), near.tolist(), strict=True)),
            )
        )
    return Report(tuple(found), count, latents, int(np.count_nonzero(active_rows)))


def _to_features(features: Sequence[int], latents: int) -> Array:
    chosen = [check_integer("features", feature, 0) for feature in features]
    if chosen and max(chosen) >= latents:
        raise ValueError(f"features: expected latents below {latents}, got {max(chosen)}")
    return np.array(chosen, np.int64)


def _to_images(x: Any, shape: Sequence[int], count: int) -> Array:
    array = to_array(x, "x")
    check_numeric(array, "x")
    expected = (count, image_values(shape))
    if array.shape != expected:
        raise ValueError(f"x: expected shape {expected}, got {array.shape}")
    return array.reshape(count, *shape)


def _active_row(
    row: int, activation: float, texts: Sequence[str] | None, images: Array | None
) -> ActiveRow:
    text = None if texts is None else " ".join(str(texts[row]).split())
    if text is not None and len(text) > _MAX_CHARACTERS:
        text = text[: _MAX_CHARACTERS - 1] + "…"
    return ActiveRow(row, activation, text, None if images is None else np.array(images[row]))


def _feature_text(feature: FeatureReport) -> str:
    lines = [f"latent {feature.feature}: {feature.describe_density()}"]
    if feature.neighbours:
        lines.append(f"  near {feature.describe_neighbours()}")
    for found in feature.rows:
        text = "" if found.text is None else f"  {found.text}"
        lines.append(f"  {found.activation:>9.3g}  row {found.row}{text}")
    return "\n".join(lines)


def _html_page(report: Report) -> str:
    """The whole table; the length of a bar is the activation divided by the latent's largest."""
    heads = "".join(
        f'<th style="{_CELL}">{name}</th>' for name in ("latent", "strongest rows", "nearest")
    )
    lines = "".join(map(_html_feature, report.features))
    return (
        f"<div><p>{escape(report.heading())}</p>"
        f'<table style="border-collapse:collapse"><tr>{heads}</tr>{lines}</table></div>'
    )


def _html_feature(feature: FeatureReport) -> str:
    has_images = any(found.image is not None for found in feature.rows)
    largest = feature.rows[0].activation if feature.rows else 1.0
    rows = "".join(_html_row(found, largest, has_images) for found in feature.rows)
    near = "<br>".join(
        f'{other} <span style="{_SMALL}">{cosine:.2f}</span>'
        for other, cosine in feature.neighbours
    )
    return (
        f'<tr><td style="{_CELL}"><b>{feature.feature}</b><br>'
        f'<span style="{_SMALL}">{escape(feature.describe_density())}</span></td>'
        f'<td style="{_CELL}">{rows}</td><td style="{_CELL}">{near}</td></tr>'
    )


def _html_row(found: ActiveRow, largest: float, is_image: bool) -> str:
    """A row as a separate line with its text, or as one of several images side by side."""
    label = f'<span style="{_SMALL}">row {found.row}: {found.activation:.3g}</span>'
    text = "" if found.text is None else f" {escape(found.text)}"
    image = "" if found.image is None else f"{_html_image(found.image, found.row)}<br>"
    bar = f'<div style="{_BAR};width:{100 * found.activation / largest:.0f}%"></div>'
    image_style = "display:inline-block;margin-right:10px;max-width:110px;vertical-align:top"
    style = image_style if is_image else "margin-bottom:5px"
    return f'<div style="{style}">{image}{label}{text}{bar}</div>'


def _html_image(values: Array, row: int) -> str:
    data = base64.b64encode(png(_to_levels(values))).decode()
    style = "width:64px;image-rendering:pixelated"
    return f'<img alt="row {row}" style="{style}" src="data:image/png;base64,{data}">'


def _to_levels(values: Array) -> Array:
    """uint8 levels: grey from the image's smallest to its largest value; colours from 0 to 1."""
    pixels = values.astype(np.float64)
    if pixels.ndim == 2:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (pixels - low) / ((high - low) or 1.0)
    levels: Array = np.round(255 * np.clip(pixels, 0, 1))
    return levels.astype(np.uint8)


def png(levels: Array) -> bytes:
    """An image (height, width) or (height, width, 3) of uint8 as a PNG file.

    References
    ----------
    W3C, "Portable Network Graphics (PNG) Specification", sections 5.3 and 11.2: no filter, one
    block of data.
    """
    height, width = levels.shape[:2]
    kind = 2 if levels.ndim == 3 else 0
    lines = levels.reshape(height, -1)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), lines], axis=1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
