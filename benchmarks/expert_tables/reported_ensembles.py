"""Reported sets of ensembles: written down with their hashes before any model was run on them.

As in `reported`, and others than those, since the single models of that table were seen before
ensembles were built.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.expert_tables.reported import CsvTable
from benchmarks.expert_tables.table import Table

TABLES: dict[str, Callable[[], Table]] = {
    "marks in mathematics": CsvTable(
        "Ecdat/Star",
        "tmathssk",
        "e4fc8d5ccac74142e03140fde8a98127b2129a5d2e11f9dacb3c6c830256f572",
        leave_out=("treadssk",),
    ),
    "wages of men in 1976": CsvTable(
        "Ecdat/Schooling",
        "lwage76",
        "0c64e9863065a7f3bccd61319e9d4634bb6d4df891f466eba6252a0732df142d",
        leave_out=("wage76",),
    ),
    "hours worked by wives in 1987": CsvTable(
        "Ecdat/Workinghours",
        "hours",
        "653aab986d97fe8050fc7d67a42ade8f216296c7a7da3c17416e88ad0c4ed1e6",
    ),
    "sales of cigarettes by state": CsvTable(
        "plm/Cigar",
        "sales",
        "7c417c7783303ea97ca709c2f3058f99aa1918cca21bc5d5d1b162c82d545902",
    ),
    "mortgages denied": CsvTable(
        "Ecdat/Hdma",
        "deny",
        "8cea35def75b658a54e045234f6aaed40d7ce29f636d4ab6d7ae8a266f7e3572",
        is_label=True,
    ),
    "votes in Chile": CsvTable(
        "car/Chile",
        "vote",
        "cd82acd4ea2432e046e21a2815ece5e7e4d89f1daa5d14f4882e2f220d9d8053",
        is_label=True,
    ),
    "brand of yogurt": CsvTable(
        "Ecdat/Yogurt",
        "choice",
        "ff82605b1f9b11e4822bb097a52271834803b86c2039f4ce17975c252e1ae1da",
        is_label=True,
        leave_out=("id",),
    ),
    "price of a park": CsvTable(
        "Ecdat/Kakadu",
        "answer",
        "2850e14ace2cd96ed5e7ab030b761e7fbfd4513c30257e36a26d6bcc7249ef15",
        is_label=True,
    ),
}
