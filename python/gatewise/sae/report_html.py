"""Reports on latents as HTML: a table for notebooks, and a page of its own."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import Any

import numpy as np

from gatewise.data.convert import Array

# Translucent grey is visible on light and dark backgrounds.
_LINE = "border-top:1px solid rgba(128,128,128,.4)"
_CELL = f"{_LINE};padding:6px 12px 6px 0;vertical-align:top;text-align:left"
_BAR = "background:#56B4E9;height:4px;margin-top:3px"
_SMALL = "opacity:.75;font-size:90%"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 24px auto; max-width: 1100px }}
body {{ padding: 0 16px }}
input {{ font: inherit; padding: 6px 10px; width: min(100%, 420px) }}
</style>
</head>
<body>
<input id="words" type="search" placeholder="Search latents, texts, inputs" autofocus>
<span id="count"></span>
{table}
<script>
const rows = [...document.querySelectorAll("table tr:not(:first-child)")];
const texts = rows.map(row => row.textContent.toLowerCase());
const field = document.getElementById("words");
const count = document.getElementById("count");
function show() {{
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let found = 0;
  rows.forEach((row, at) => {{
    const has = words.every(word => texts[at].includes(word));
    row.style.display = has ? "" : "none";
    found += has;
  }});
  count.textContent = found + " of " + rows.length;
}}
field.addEventListener("input", show);
show();
</script>
</body>
</html>
"""


def report_table(report: Any) -> str:
    """The whole table; the length of a bar is the activation divided by the latent's largest."""
    heads = "".join(
        f'<th style="{_CELL}">{name}</th>' for name in ("latent", "strongest rows", "nearest")
    )
    lines = "".join(map(_html_feature, report.features))
    return (
        f"<div><p>{escape(report.heading())}</p>"
        f'<table style="border-collapse:collapse"><tr>{heads}</tr>{lines}</table></div>'
    )


def report_page(report: Any) -> str:
    """The table as a page of its own, with a field that shows only the latents with a word."""
    return _PAGE.format(title=escape(report.heading()), table=report_table(report))


def _html_feature(feature: Any) -> str:
    has_images = any(found.image is not None for found in feature.rows)
    largest = feature.rows[0].activation if feature.rows else 1.0
    rows = "".join(_html_row(found, largest, has_images) for found in feature.rows)
    inputs = "".join(
        f'<br><span style="{_SMALL}">{escape(name)} {weight:+.2f}</span>'
        for name, weight in feature.inputs
    )
    near = "<br>".join(
        f'{other} <span style="{_SMALL}">{cosine:.2f}</span>'
        for other, cosine in feature.neighbours
    )
    return (
        f'<tr><td style="{_CELL}"><b>{feature.feature}</b><br>'
        f'<span style="{_SMALL}">{escape(feature.describe_density())}</span>{inputs}</td>'
        f'<td style="{_CELL}">{rows}</td><td style="{_CELL}">{near}</td></tr>'
    )


def _html_row(found: Any, largest: float, is_image: bool) -> str:
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
