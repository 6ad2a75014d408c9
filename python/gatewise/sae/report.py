"""What the latents of an autoencoder stand for: the rows that each of them is strongest in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.data.convert import Array, check_numeric, to_array
from gatewise.sae import report_html
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

_MAX_CHARACTERS = 200
"""Letters of a row's text that are shown."""


@dataclass(frozen=True)
class ActiveRow:
    """A row that a latent is active in; its text and image where there are some."""

    row: int
    activation: float
    text: str | None
    image: Array | None


@dataclass(frozen=True)
class FeatureReport:
    """A latent: in which share of the rows it is active, the strongest of them, its neighbours."""

    feature: int
    density: float
    total: float
    rows: tuple[ActiveRow, ...]
    neighbours: tuple[tuple[int, float], ...]

    def describe_density(self) -> str:
        """How often it is active, in words."""
        return f"{100 * self.density:.3g} % of rows" if self.density else "never active"

    def describe_neighbours(self) -> str:
        """The latents most like it, each with its cosine."""
        return ", ".join(f"{other} ({cosine:.2f})" for other, cosine in self.neighbours)


@dataclass(frozen=True)
class Report:
    """What `report` found. Text when printed, a table of HTML in a notebook."""

    features: tuple[FeatureReport, ...]
    rows: int
    latents: int
    alive: int

    def __str__(self) -> str:
        return "\n\n".join([self.heading(), *map(_feature_text, self.features)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return report_html.page(self)

    def heading(self) -> str:
        """One line about all."""
        return (
            f"{len(self.features):,} of {self.latents:,} latents "
            f"({self.alive:,} active in {self.rows:,} rows)"
        )


def report(
    codes: Any,
    decoder: Any,
    x: Any = None,
    texts: Sequence[str] | None = None,
    features: Sequence[int] | None = None,
    rows: int = 5,
    neighbours: int = 3,
    most: int = 20,
    shape: Sequence[int] | None = None,
) -> Report:
    """What latents stand for: the rows they are strongest in, and the latents most like them.

    Parameters
    ----------
    codes : SciPy sparse matrix or array (n, m)
        Of rows.
    decoder : array (m, d)
        W_d, whose rows are compared by their cosine.
    x : array (n, d), optional
        The rows themselves, shown as images where `shape` is given.
    texts : sequence of n str, optional
        What each row stands for; its first 200 letters are shown.
    features : sequence of int, optional
        Which latents, in which order; unless given, those with the largest sum of activations over
        all rows, the largest first.
    rows, neighbours : int
        At most so many rows and other latents for each.
    most : int
        At most so many latents, unless `features` names them.
    shape : (height, width) or (height, width, 3), optional
        Of an image; colours are from 0 to 1.

    Returns
    -------
    Report
        `print(report)` gives text; a notebook shows a table.

    Raises
    ------
    TypeError
        An argument is of another type.
    ValueError
        Numbers of rows or latents differ, or a feature is out of range.
    """
    active = active_codes(codes, "codes")
    count, latents = active.shape
    directions = to_array(decoder, "decoder")
    check_numeric(directions, "decoder")
    if directions.ndim != 2 or len(directions) != latents:
        raise ValueError(f"decoder: expected shape ({latents}, d), got {directions.shape}")
    rows, neighbours = check_integer("rows", rows, 0), check_integer("neighbours", neighbours, 0)
    most = check_integer("most", most, 0)
    if texts is not None and len(texts) != count:
        raise ValueError(f"texts: expected {count}, one for each row, got {len(texts)}")
    images = None if x is None or shape is None else _to_images(x, shape, count)
    totals, active_rows = total_activations(active), count_active(active)
    chosen = top_latents(totals, most) if features is None else _to_features(features, latents)
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
