"""Rows of what users pass, by position."""

from __future__ import annotations

from typing import Any


def take_rows(x: Any, rows: Any) -> Any:
    """The rows of an array, a CSR matrix or a pandas object at these positions.

    A pandas object itself is indexed by its labels, which another order or a part of a frame keeps.
    """
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]
