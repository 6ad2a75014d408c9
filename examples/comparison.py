"""What the examples measure their dictionaries with, and what they compare them with."""

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
    """Options that all examples have."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--epochs", type=int, default=epochs, help=f"{epochs} unless given")
    result.add_argument("--seed", type=int, default=0, help="of the model and of the split")
    return result


def add_folder(options: argparse.ArgumentParser) -> None:
    """The option of examples that draw."""
    options.add_argument("--out", type=Path, default=Path(), help="folder for pictures, made anew")


def fvu(x: Floats, y: Floats) -> float:
    """The share of the variance that is not explained, `sum (x - y)^2 / sum (x - mean x)^2`."""
    return float(np.sum((x - y) ** 2) / np.sum((x - x.mean(axis=0)) ** 2))


class Components:
    """All principal components of rows, of which a few values are kept."""

    def __init__(self, rows: Floats) -> None:
        self._pca = PCA(random_state=0).fit(rows)

    def first(self, rows: Floats, count: int) -> Floats:
        """The values (n, count) of the components that explain most: the same ones in all rows."""
        values: Floats = self._pca.transform(rows)[:, :count]
        return values

    def largest(self, rows: Floats, count: int) -> Floats:
        """All values (n, d), but only the `count` of largest magnitude in each row are not 0."""
        values = self._pca.transform(rows)
        values[np.arange(len(rows))[:, None], np.argsort(-np.abs(values))[:, count:]] = 0
        return np.asarray(values, np.float32)

    def largest_of_all(self, rows: Floats, count: float) -> Floats:
        """As `largest`, but `count` is a mean: one row may have more of them than another."""
        values = self._pca.transform(rows)
        threshold = np.sort(np.abs(values), axis=None)[-round(count * len(rows))]
        return np.where(np.abs(values) >= threshold, values, 0).astype(np.float32)

    def rows(self, values: Floats) -> Floats:
        """The rows (n, d) that the values of the first components, or of all, stand for."""
        directions = self._pca.components_[: values.shape[1]]
        return np.asarray(values @ directions + self._pca.mean_, np.float32)

    def within_bytes(self, rows: Floats, size: int) -> tuple[Floats, int]:
        """The values of as many first components as `store` brings into that many bytes, stored."""
        values = self.first(rows, rows.shape[1])
        counts = range(1, values.shape[1] + 1)
        fitting = bisect.bisect_right(counts, size, key=lambda count: store(values[:, :count])[1])
        return store(values[:, : max(fitting, 1)])


def store(values: Floats) -> tuple[Floats, int]:
    """Values in 8 bits, one step for all of them: as they come back, and their compressed bytes."""
    low, step = values.min(), max(float(np.ptp(values)) / 255, 1e-30)
    levels = np.round((values - low) / step).astype(np.uint8)
    column_by_column = levels.T.tobytes()
    packed = (pack(column_by_column) for pack in (zlib.compress, bz2.compress, lzma.compress))
    return low + step * levels.astype(np.float32), min(map(len, packed))


def store_sparse(values: Floats) -> tuple[Floats, int]:
    """As `store`, of values that are mostly 0, with their places: in the way of `sae.to_bytes`."""
    signs = [np.maximum(values, 0), np.maximum(-values, 0)]
    data = to_bytes(csr_array(np.concatenate(signs, axis=1)))
    back: Any = from_bytes(data).toarray()
    width = values.shape[1]
    return back[:, :width] - back[:, width:], len(data)
