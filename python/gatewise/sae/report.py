"""Reports on the latents of an autoencoder: their strongest rows and nearest latents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatewise._extras import import_extra
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
_MAX_INPUTS = 5
"""Inputs with names that are shown for a latent."""


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
    inputs: tuple[tuple[str, float], ...] = ()
    """Inputs of largest weight in the latent's direction, if they have names."""

    def describe_density(self) -> str:
        """The density in words."""
        return f"{100 * self.density:.3g} % of rows" if self.density else "never active"

    def describe_neighbours(self) -> str:
        """The nearest latents with their cosines."""
        return ", ".join(f"{other} ({cosine:.2f})" for other, cosine in self.neighbours)

    def describe_inputs(self) -> str:
        """The inputs of largest weight with their weights."""
        return ", ".join(f"{name} ({weight:+.2f})" for name, weight in self.inputs)


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
        from gatewise.sae.report_html import report_table

        return report_table(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an HTML page that needs no other file and can be searched.

        Parameters
        ----------
        path : str or path
            Such as "latents.html".
        """
        from gatewise.sae.report_html import report_page

        Path(path).write_text(report_page(self), encoding="utf-8")

    def to_frame(self) -> Any:
        """A pandas data frame with a line for each latent and each of its strongest rows.

        Columns are `latent`, `density`, `total`, `row`, `activation` and `text`.

        Raises
        ------
        ImportError
            pandas is missing; the message names the extra.
        """
        columns = ("latent", "density", "total", "row", "activation", "text")
        lines = [
            (each.feature, each.density, each.total, found.row, found.activation, found.text)
            for each in self.features
            for found in each.rows
        ]
        return import_extra("pandas", "frames").DataFrame(lines, columns=columns)

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
    feature_names: Sequence[str] | None = None,
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
    feature_names : sequence of d str, optional
        Names of the values of a row; those of largest weight in a latent's direction are shown.
        Default: the columns of x, if it is a data frame.

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
    names = _to_names(feature_names, directions.shape[1])
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
                _largest_weights(directions[feature], names),
            )
        )
    return Report(tuple(found), count, latents, int(np.count_nonzero(active_rows)))


def _to_features(features: Sequence[int], latents: int) -> Array:
    chosen = [check_integer("features", feature, 0) for feature in features]
    if chosen and max(chosen) >= latents:
        raise ValueError(f"features: expected latents below {latents}, got {max(chosen)}")
    return np.array(chosen, np.int64)


def _to_names(names: Sequence[str] | None, width: int) -> list[str] | None:
    if names is None:
        return None
    names = [str(each) for each in names]
    if len(names) != width:
        raise ValueError(
            f"feature_names: expected {width}, one for each value of a row, got {len(names)}"
        )
    return names


def _largest_weights(direction: Array, names: list[str] | None) -> tuple[tuple[str, float], ...]:
    if names is None:
        return ()
    order = np.argsort(-np.abs(direction), kind="stable")[:_MAX_INPUTS]
    return tuple((names[at], float(direction[at])) for at in order)


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
    if feature.inputs:
        lines.append(f"  inputs {feature.describe_inputs()}")
    for found in feature.rows:
        text = "" if found.text is None else f"  {found.text}"
        lines.append(f"  {found.activation:>9.3g}  row {found.row}{text}")
    return "\n".join(lines)
