"""Columns of a table as the float32 inputs of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatewise._extras import import_extra
from gatewise.data.csr import is_sparse

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Self

    from gatewise._core import Floats

_MAX_CATEGORIES = 255
"""Most indicators of a column; rarer categories share one."""
_MAX_DEVIATIONS = 20.0
"""Standardized values are cut there: one extreme value must not decide a prediction."""


def is_frame(table: Any) -> bool:
    """Whether it is a data frame of pandas, polars, or one with their attributes."""
    return hasattr(table, "columns") and hasattr(table, "dtypes")


class Cells(NamedTuple):
    """A table in two parts.

    Attributes
    ----------
    numbers : array or CSR (n, a)
        Columns of numbers; NaN is a missing value.
    categories : array of objects (n, b), optional
        Columns of categories; None is a missing value.
    """

    numbers: Any
    categories: Any

    def take(self, rows: Any) -> Cells:
        """Some of the rows, by index or mask."""
        kept = None if self.categories is None else self.categories[rows]
        return Cells(self.numbers[rows], kept)

    def keys(self) -> Any:
        """Rows of numbers `(n, a + b)` that are equal where the rows of the table are."""
        numbers = self.numbers.toarray() if is_sparse(self.numbers) else self.numbers
        if self.categories is None:
            return numbers
        codes = []
        for column in self.categories.T:
            texts = ["" if each is None else f"={each}" for each in column]
            codes.append(np.unique(texts, return_inverse=True)[1])
        return np.column_stack([numbers, *codes])


class Columns:
    """Turns columns into inputs: numbers standardized, categories as indicators.

    A number becomes `(v - mean) / deviation`, by the rows of `fit`, cut at 20 deviations; a
    missing one becomes 0 and a further input marks it, if the column had missing values in
    `fit`. A category becomes one input for each of its values in `fit`; a missing value is one of
    them, and an unknown one is 0 in all. Rows of a sparse matrix are scaled but not centred.

    Parameters
    ----------
    categorical_features : "from_dtype", None, or sequence of int, str or bool
        Which columns are categories. "from_dtype": those of a data frame that are not numbers.
    """

    def __init__(self, categorical_features: Any) -> None:
        self.categorical_features = categorical_features

    def choose(self, table: Any) -> Self:
        """Decides which columns of a table are categories."""
        self._categorical = self._mask(table)
        return self

    def fit(self, cells: Cells, weight: Any) -> Self:
        """Learns means and deviations, with weights of rows (n,), and categories."""
        compose = import_extra("sklearn.preprocessing", "sklearn")
        impute = import_extra("sklearn.impute", "sklearn")
        numbers, categories = cells
        self._imputer = impute.SimpleImputer(
            strategy="constant", fill_value=0.0, add_indicator=True, keep_empty_features=True
        )
        self._scaler = compose.StandardScaler(with_mean=not is_sparse(numbers))
        self._encoder = compose.OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            max_categories=_MAX_CATEGORIES,
            sparse_output=False,
            dtype=np.float32,
        )
        if numbers.shape[1]:
            self._imputer.fit(self._scaler.fit(numbers, sample_weight=weight).transform(numbers))
        if categories is not None:
            self._encoder.fit(categories)
        return self

    def transform(self, cells: Cells) -> Any:
        """The inputs, float32 `(n, width)`, or CSR for a sparse matrix."""
        numbers, categories = cells
        if is_sparse(numbers) and self._scaler.with_mean:
            numbers = numbers.toarray()  # of a model that was trained on dense rows
        parts: list[Any] = []
        if numbers.shape[1]:
            scaled = self._imputer.transform(self._scaler.transform(numbers))
            if is_sparse(scaled):
                return scaled.astype(np.float32).tocsr()
            parts.append(np.clip(scaled, -_MAX_DEVIATIONS, _MAX_DEVIATIONS).astype(np.float32))
        if categories is not None:
            parts.append(self._encoder.transform(categories))
        result: Floats = np.ascontiguousarray(np.concatenate(parts, axis=1))
        return result

    def _mask(self, table: Any) -> npt.NDArray[np.bool_]:
        """Which columns are categories."""
        chosen, width = self.categorical_features, table.shape[1]
        if chosen is None:
            return np.zeros(width, np.bool_)
        if isinstance(chosen, str) and chosen == "from_dtype":
            if not is_frame(table):
                return np.zeros(width, np.bool_)
            return np.array([_is_category(table[name]) for name in table.columns], np.bool_)
        chosen = np.asarray(chosen)
        if chosen.ndim != 1:
            raise ValueError(
                "categorical_features: expected 'from_dtype', None, or a list of columns, "
                f"got {self.categorical_features!r}"
            )
        if is_sparse(table):
            raise ValueError("categorical_features: expected None with a sparse matrix")
        if chosen.dtype.kind == "b":
            if chosen.shape != (width,):
                raise ValueError(
                    f"categorical_features: expected {width} flags, one for each column, "
                    f"got {len(chosen)}"
                )
            return chosen
        by_name = is_frame(table) and chosen.dtype.kind not in "iu"
        names = list(table.columns) if by_name else list(range(width))
        unknown = [str(each) for each in chosen.tolist() if each not in names]
        if unknown:
            raise ValueError(
                f"categorical_features: expected columns of X, got {', '.join(unknown)}"
            )
        return np.isin(np.arange(width), [names.index(each) for each in chosen.tolist()])

    def read(self, table: Any) -> Cells:
        """The numbers and the categories of a table."""
        if not is_frame(table):
            if not self._categorical.any():
                return Cells(table, None)
            return Cells(table[:, ~self._categorical], table[:, self._categorical].astype(object))
        if len(table.columns) == 0:
            raise ValueError("X: expected columns, got a frame with 0 feature(s)")
        pairs = list(zip(table.columns, self._categorical, strict=True))
        numbers = [_numbers(table[name], name) for name, is_category in pairs if not is_category]
        categories = [_categories(table[name]) for name, is_category in pairs if is_category]
        return Cells(
            np.stack(numbers, axis=1) if numbers else np.empty((len(table), 0)),
            np.stack(categories, axis=1) if categories else None,
        )


def _is_category(column: Any) -> bool:
    """Whether a column of a data frame holds texts or categories."""
    dtype = column.dtype
    if hasattr(dtype, "is_numeric"):  # polars
        return str(dtype).partition("(")[0] in ("String", "Categorical", "Enum", "Object")
    return str(dtype) in ("category", "object", "str") or str(dtype).startswith("string")


def _is_number(column: Any) -> bool:
    dtype = column.dtype
    if hasattr(dtype, "is_numeric"):  # polars
        return bool(dtype.is_numeric()) or str(dtype) in ("Boolean", "Null")
    return getattr(dtype, "kind", "O") in "biuf"


def _numbers(column: Any, name: Any) -> Any:
    """A column of numbers as float64; missing values are NaN."""
    if _is_category(column):
        raise ValueError(
            f"X: expected numbers in column {name!r}, got {column.dtype}; name it in "
            "categorical_features if it holds categories"
        )
    if not _is_number(column):
        raise ValueError(
            f"X: expected numbers or categories, got column {name!r} of {column.dtype}; replace "
            "it with numbers, such as days since a date"
        )
    if hasattr(column, "isna"):  # pandas
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        package = import_extra(type(column).__module__.partition(".")[0], "sklearn")
        values = np.asarray(column.cast(package.Float64).to_numpy(), np.float64)
    if np.isinf(values).any():
        raise ValueError(f"X: expected finite or missing values, got infinity in column {name!r}")
    return values


def _categories(column: Any) -> Any:
    """A column of categories as texts; missing values are None."""
    values = column.to_list()
    missing = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null())
    result = np.empty(len(values), object)
    for row, value in enumerate(values):
        result[row] = None if missing[row] else _text(value)
    return result


def _text(value: Any) -> str:
    """A category as text; a whole number is the same as int and as float."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
