"""A report as HTML that needs nothing else: inline styles, escaped texts, images in the page."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from gatewise.data.convert import Array

if TYPE_CHECKING:
    from gatewise.sae.report import ActiveRow, FeatureReport, Report

# Half-transparent grey is seen on the light and the dark ground of a notebook.
_LINE = "border-top:1px solid rgba(128,128,128,.4)"
_CELL = f"{_LINE};padding:6px 12px 6px 0;vertical-align:top;text-align:left"
_BAR = "background:#56B4E9;height:4px;margin-top:3px"
_SMALL = "opacity:.75;font-size:90%"


def page(report: Report) -> str:
    """The whole table; bars are as long as the activation, of the latent's largest."""
    heads = "".join(
        f'<th style="{_CELL}">{name}</th>' for name in ("latent", "strongest rows", "nearest")
    )
    lines = "".join(map(_feature, report.features))
    return (
        f"<div><p>{escape(report.heading())}</p>"
        f'<table style="border-collapse:collapse"><tr>{heads}</tr>{lines}</table></div>'
    )


def _feature(feature: FeatureReport) -> str:
    has_images = any(found.image is not None for found in feature.rows)
    largest = feature.rows[0].activation if feature.rows else 1.0
    rows = "".join(_row(found, largest, has_images) for found in feature.rows)
    near = "<br>".join(
        f'{other} <span style="{_SMALL}">{cosine:.2f}</span>'
        for other, cosine in feature.neighbours
    )
    return (
        f'<tr><td style="{_CELL}"><b>{feature.feature}</b><br>'
        f'<span style="{_SMALL}">{escape(feature.describe_density())}</span></td>'
        f'<td style="{_CELL}">{rows}</td><td style="{_CELL}">{near}</td></tr>'
    )


def _row(found: ActiveRow, largest: float, is_image: bool) -> str:
    """A line of its own for a text, or one of several images side by side."""
    label = f'<span style="{_SMALL}">row {found.row}: {found.activation:.3g}</span>'
    text = "" if found.text is None else f" {escape(found.text)}"
    image = "" if found.image is None else f"{_image(found.image, found.row)}<br>"
    bar = f'<div style="{_BAR};width:{100 * found.activation / largest:.0f}%"></div>'
    image_style = "display:inline-block;margin-right:10px;max-width:110px;vertical-align:top"
    style = image_style if is_image else "margin-bottom:5px"
    return f'<div style="{style}">{image}{label}{text}{bar}</div>'


def _image(values: Array, row: int) -> str:
    data = base64.b64encode(png(_to_levels(values))).decode()
    style = "width:64px;image-rendering:pixelated"
    return f'<img alt="row {row}" style="{style}" src="data:image/png;base64,{data}">'


def _to_levels(values: Array) -> Array:
    """Grey from the image's smallest to its largest value; colours from 0 to 1."""
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
