"""The table that `summary()` prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gatewise.utils import html

if TYPE_CHECKING:
    from gatewise.layers import Layer
    from gatewise.models.base import BaseModel

_HEADINGS = ("Layer", "Output shape", "Parameters", "Non-zero")


def print_summary(
    model: BaseModel, line_length: int | None, print_fn: Callable[[str], object]
) -> None:
    """Gives `print_fn` the table of a model's layers, with totals under it."""
    rows = [_row(layer) for layer in model.layers]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    rule = "-" * (line_length or sum(widths) + 2 * (len(widths) - 1))
    lines = [f"{type(model).__name__} {model.name!r}", rule, _line(_HEADINGS, widths), rule]
    lines += [_line(row, widths) for row in rows]
    print_fn("\n".join([*lines, rule, *_totals(model)]))


def summary_html(model: BaseModel) -> str:
    """The same as HTML."""
    title = f"{type(model).__name__} {model.name!r}"
    return html.table(_HEADINGS, map(_row, model.layers), title) + html.paragraph(
        ", ".join(_totals(model))
    )


def _row(layer: Layer) -> tuple[str, str, str, str]:
    if not layer.has_shape:
        return layer.describe(), "?", "not built", ""
    count = layer.count_params()
    nonzero = f"{layer.count_nonzero():,} of {count:,}" if count else ""
    return layer.describe(), str(layer.output_shape), f"{count:,}", nonzero


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, shape, *counts = cells
    left = [name.ljust(widths[0]), shape.ljust(widths[1])]
    right = [cell.rjust(width) for cell, width in zip(counts, widths[2:], strict=True)]
    return "  ".join([*left, *right]).rstrip()


def _totals(model: BaseModel) -> list[str]:
    if not model.built:
        return ["Not built: the input's shape is not known yet."]
    total, nonzero = model.count_params(), model.count_nonzero()
    trained = sum(layer.count_trainable() for layer in model.layers)
    percent = f" ({nonzero / total:.1%})" if total else ""
    return [
        f"Parameters: {total:,}",
        f"Trainable: {trained:,}",
        f"Non-trainable: {total - trained:,}",
        f"Non-zero: {nonzero:,} of {total:,}{percent}",
        f"Bytes: {model.count_bytes():,}",
    ]
