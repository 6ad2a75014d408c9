"""Measures and baselines shared by the examples."""

from __future__ import annotations

import argparse
import bisect
import bz2
import lzma
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from gatewise.sae.code_serialization import from_bytes, to_bytes

Floats: TypeAlias = npt.NDArray[np.float32]


def parser(description: str | None, epochs: int) -> argparse.ArgumentParser:
    """Argument parser with the options of all examples."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--epochs", type=int, default=epochs, help=f"default: {epochs}")
    result.add_argument("--seed", type=int, default=0, help="seed of the model and of the split")
    return result


def add_folder(options: argparse.ArgumentParser) -> None:
    """Adds the option of examples that write pictures."""
    options.add_argument(
        "--out", type=Path, default=Path(), help="folder for pictures, created if missing"
    )


def fvu(x: Floats, y: Floats) -> float:
    """Fraction of variance unexplained, `sum (x - y)^2 / sum (x - mean x)^2`."""
    return float(np.sum((x - y) ** 2) / np.sum((x - x.mean(axis=0)) ** 2))


class Components:
    """All principal components of rows; the methods keep a few values per row."""

    def __init__(self, rows: Floats) -> None:
        self._pca = PCA(random_state=0).fit(rows)

    def first(self, rows: Floats, count: int) -> Floats:
        """Values (n, count) of the components of largest variance, the same for all rows."""
        values: Floats = self._pca.transform(rows)[:, :count]
        return values

    def largest(self, rows: Floats, count: int) -> Floats:
        """Values (n, d) with only the `count` of largest magnitude per row nonzero."""
        values = self._pca.transform(rows)
        values[np.arange(len(rows))[:, None], np.argsort(-np.abs(values))[:, count:]] = 0
        return np.asarray(values, np.float32)

    def largest_of_all(self, rows: Floats, count: float) -> Floats:
        """As `largest`, but `count` is a mean: rows may keep different counts of values."""
        values = self._pca.transform(rows)
        threshold = np.sort(np.abs(values), axis=None)[-round(count * len(rows))]
        return np.where(np.abs(values) >= threshold, values, 0).astype(np.float32)

    def rows(self, values: Floats) -> Floats:
        """Reconstructs rows (n, d) from the values of the first components, or of all."""
        directions = self._pca.components_[: values.shape[1]]
        return np.asarray(values @ directions + self._pca.mean_, np.float32)

    def within_bytes(self, rows: Floats, size: int) -> tuple[Floats, int]:
        """Stored values and byte count of as many first components as fit `size` bytes."""
        values = self.first(rows, rows.shape[1])
        counts = range(1, values.shape[1] + 1)
        fitting = bisect.bisect_right(counts, size, key=lambda count: store(values[:, :count])[1])
        return store(values[:, : max(fitting, 1)])


def store(values: Floats) -> tuple[Floats, int]:
    """Rounds values to 8 bits with one step size; returns them and their compressed byte count."""
    low, step = values.min(), max(float(np.ptp(values)) / 255, 1e-30)
    levels = np.round((values - low) / step).astype(np.uint8)
    column_by_column = levels.T.tobytes()
    packed = (pack(column_by_column) for pack in (zlib.compress, bz2.compress, lzma.compress))
    return low + step * levels.astype(np.float32), min(map(len, packed))


def store_sparse(values: Floats) -> tuple[Floats, int]:
    """As `store`, for mostly zero values: stores their indices too, with `sae.to_bytes`."""
    signs = [np.maximum(values, 0), np.maximum(-values, 0)]
    data = to_bytes(csr_array(np.concatenate(signs, axis=1)))
    back: Any = from_bytes(data).toarray()
    width = values.shape[1]
    return back[:, :width] - back[:, width:], len(data)
