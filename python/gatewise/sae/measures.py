"""Measures of the quality and sparsity of reconstructions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gatewise.data.convert import Array, check_numeric, to_array
from gatewise.sae.latent_statistics import Doubles, active_codes, count_active, nearest_features

_BLOCK_VALUES = 1 << 20
"""Values of x that are converted to float64 at once: 8 MB."""

DENSITY_EDGES: Doubles = 10.0 ** np.linspace(-6, 0, 25)
"""Edges of the density bins: four per factor of ten."""


def measure(x: Any, codes: Any, y: Any, decoder: Any | None = None) -> dict[str, Any]:
    """The measures of rows in memory; see `Measures`."""
    measures = Measures()
    measures.add(x, codes, y)
    return measures.result(decoder)


class Measures:
    """Measures of rows that arrive in blocks: `add` each block, then `result`.

    All are on the scale of x, with sums in float64. Sums of squares about the mean are merged
    without cancellation: `S = S_a + S_b + |mean_a - mean_b|^2 n_a n_b / (n_a + n_b)`.

    References
    ----------
    Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance"; for
    `relative_bias` Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse
    autoencoders".
    """

    def __init__(self) -> None:
        self.rows = 0
        self._mean = np.zeros(0)
        self._squared_deviations = 0.0  # sum (x - mean x)^2
        self._error = 0.0  # sum (x - y)^2
        self._reconstruction_squares = 0.0  # sum |y|^2
        self._products = 0.0  # sum x . y
        self._cosines = 0.0
        self._ratios = 0.0
        self._num_nonzero_rows = 0
        self._active = np.zeros(0, np.int64)

    def add(self, x: Any, codes: Any, y: Any) -> None:
        """Accumulates the sums of a block of rows.

        Parameters
        ----------
        x : array (n, d)
            Targets.
        codes : SciPy sparse matrix or array (n, m)
            A latent is active where its value is above 0.
        y : array (n, d)
            Reconstructions.

        Raises
        ------
        TypeError
            An argument is not a numeric array.
        ValueError
            The shapes do not fit each other or earlier blocks; or x or y is not finite. The sums
            are unchanged.
        """
        rows, reconstruction = _to_rows(x, "x"), _to_rows(y, "y")
        active = active_codes(codes, "codes")
        self._check_shapes(rows, reconstruction, active)
        step = max(1, _BLOCK_VALUES // max(1, rows.shape[1]))
        blocks = [slice(start, start + step) for start in range(0, len(rows), step)]
        for block in blocks:
            _check_finite(rows[block], "x")
            _check_finite(reconstruction[block], "y")
        if self.rows == 0:
            self._mean = np.zeros(rows.shape[1])
            self._active = np.zeros(active.shape[1], np.int64)
        self._active += count_active(active)
        for block in blocks:
            self._add_block(
                rows[block].astype(np.float64), reconstruction[block].astype(np.float64)
            )

    def _add_block(self, rows: Doubles, reconstruction: Doubles) -> None:
        count, total = len(rows), self.rows + len(rows)
        mean = rows.mean(axis=0)
        offset = mean - self._mean
        self._squared_deviations += float(np.sum((rows - mean) ** 2))
        self._squared_deviations += float(offset @ offset) * self.rows * count / total
        self._mean += offset * (count / total)
        self.rows = total
        self._error += float(np.sum((rows - reconstruction) ** 2))
        products = np.einsum("ij,ij->i", rows, reconstruction)
        norms, reconstruction_norms = (
            np.linalg.norm(rows, axis=1),
            np.linalg.norm(reconstruction, axis=1),
        )
        self._products += float(products.sum())
        self._reconstruction_squares += float(reconstruction_norms @ reconstruction_norms)
        is_nonzero, both = norms > 0, (norms > 0) & (reconstruction_norms > 0)
        self._num_nonzero_rows += int(np.count_nonzero(is_nonzero))
        self._ratios += float(np.sum(reconstruction_norms[is_nonzero] / norms[is_nonzero]))
        self._cosines += float(np.sum(products[both] / norms[both] / reconstruction_norms[both]))

    def result(self, decoder: Any | None = None) -> dict[str, Any]:
        """The measures of all rows added so far.

        Parameters
        ----------
        decoder : array (m, d), optional
            W_d, for the measures of the dictionary itself.

        Returns
        -------
        dict
            `mse`: mean squared error per value. `fvu`: fraction of variance unexplained,
            `sum (x - y)^2 / sum (x - mean x)^2`; `explained_variance`: 1 - fvu. `l0`: active
            latents per row. `cosine`: mean cosine of x and y, 0 where y is 0, and `l2_ratio`: mean
            of `|y| / |x|`, both over the rows where x is not 0. `relative_bias` of the length:
            `sum |y|^2 / sum x . y`. `alive`: fraction of latents that are active in at least one
            row; `dead`: 1 - alive. `density`: histogram of latents by the fraction of rows in
            which they are active: `counts` (24,) per bin, `edges` (25,) from 1e-6 to 1, and
            `never`, the count of latents that are never active. A bin excludes its upper edge,
            except the last; the first includes all smaller densities. NaN if a denominator is 0.

            With a decoder also `largest_cosine` of two of its rows, and `largest_cosine_pair`,
            their indices; NaN and None if it has one row.

        Raises
        ------
        TypeError, ValueError
            No rows were added, or the decoder is not a numeric array of shape (m, d).
        """
        if self.rows == 0:
            raise ValueError("x: expected at least one row, got none")
        latents = len(self._active)
        fvu = _divide(self._error, self._squared_deviations)
        alive = _divide(int(np.count_nonzero(self._active)), latents)
        measured = {
            "mse": _divide(self._error, self.rows * len(self._mean)),
            "fvu": fvu,
            "explained_variance": 1 - fvu,
            "l0": int(self._active.sum()) / self.rows,
            "cosine": _divide(self._cosines, self._num_nonzero_rows),
            "l2_ratio": _divide(self._ratios, self._num_nonzero_rows),
            "relative_bias": _divide(self._reconstruction_squares, self._products),
            "alive": alive,
            "dead": 1 - alive,
            "density": density_bins(self._active, self.rows),
        }
        return measured if decoder is None else {**measured, **self._dictionary(decoder)}

    def _dictionary(self, decoder: Any) -> dict[str, Any]:
        rows, expected = _to_rows(decoder, "decoder"), (len(self._active), len(self._mean))
        if rows.shape != expected:
            raise ValueError(f"decoder: expected shape {expected}, got {rows.shape}")
        if len(rows) < 2:
            return {"largest_cosine": math.nan, "largest_cosine_pair": None}
        neighbours, cosines = nearest_features(rows)
        first = int(cosines[:, 0].argmax())
        pair = sorted((first, int(neighbours[first, 0])))
        return {"largest_cosine": float(cosines[first, 0]), "largest_cosine_pair": tuple(pair)}

    def _check_shapes(self, rows: Array, reconstruction: Array, codes: Any) -> None:
        if reconstruction.shape != rows.shape:
            raise ValueError(
                f"y: expected the shape of x, {rows.shape}, got {reconstruction.shape}"
            )
        if codes.shape[0] != len(rows):
            raise ValueError(f"codes: expected {len(rows)} rows, as x has, got {codes.shape[0]}")
        if self.rows == 0:
            return
        if rows.shape[1] != len(self._mean):
            raise ValueError(f"x: expected shape (n, {len(self._mean)}), got {rows.shape}")
        if codes.shape[1] != len(self._active):
            raise ValueError(f"codes: expected shape (n, {len(self._active)}), got {codes.shape}")


def density_bins(active_rows: Any, rows: int) -> dict[str, Any]:
    """Histogram of latents by the fraction of rows in which they are active, see `Measures.result`.

    Parameters
    ----------
    active_rows : ndarray (m,) of int
        Count of rows in which each latent is active.
    rows : int
        Count of all rows, at least 1.
    """
    densities = active_rows[active_rows > 0] / rows
    bins = np.searchsorted(DENSITY_EDGES, densities, side="right") - 1
    bins = np.clip(bins, 0, len(DENSITY_EDGES) - 2)
    return {
        "counts": np.bincount(bins, minlength=len(DENSITY_EDGES) - 1),
        "edges": DENSITY_EDGES.copy(),
        "never": int(np.count_nonzero(active_rows == 0)),
    }


def _divide(share: float, whole: float) -> float:
    return share / whole if whole != 0 else math.nan


def _to_rows(value: Any, name: str) -> Array:
    array = to_array(value, name)
    check_numeric(array, name)
    if array.ndim != 2:
        raise ValueError(f"{name}: expected rows (n, d), got an array {array.shape}")
    return array


def _check_finite(rows: Array, name: str) -> None:
    if not np.isfinite(rows).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
