"""Prints how sparse experts compare with dense networks of the same recipe and size.

    python -m benchmarks.expert_tables development|reported [--seeds 5]

Log loss of labels, RMSE of values, on held-out rows; means over seeds, each with its own split.
The last columns are ratios of the loss to that of a dense network, with the standard error of the
paired logarithms: below 1 experts are better.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.expert_tables.recipe import MODELS, Score, library_score, train
from benchmarks.expert_tables.table import Table

_LIBRARY = ("linear", "boosted trees")


def main() -> None:
    """Prints the table of one kind of sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", choices=("development", "reported"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="name of one table")
    arguments = parser.parse_args()
    if arguments.sets == "development":
        from benchmarks.expert_tables.development import TABLES
    else:
        from benchmarks.expert_tables.reported import TABLES
    names = [arguments.only] if arguments.only else list(TABLES)
    columns = [*_LIBRARY, *MODELS]
    ratios = [name for name in MODELS if name != "experts"]
    titles = ["set", *columns, "dead", *(f"/ {name}" for name in ratios)]
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    logarithms: dict[str, list[Any]] = {name: [] for name in ratios}
    for name in names:
        table = TABLES[name]()
        losses, dead = _losses(table, arguments.seeds)
        cells = [f"{np.mean(losses[each]):.4g}".replace("nan", "-") for each in columns]
        for other in ratios:
            logarithms[other].append(np.log(losses["experts"] / losses[other]))
        cells += [f"{dead:.1f}", *(_ratio(logarithms[other][-1]) for other in ratios)]
        title = f"{name} (regimes)" if table.has_regimes else name
        print(f"| {title} | {' | '.join(cells)} |", flush=True)
    _print_means(names, logarithms, len(columns))


def _losses(table: Table, seeds: int) -> tuple[dict[str, Any], float]:
    found: dict[str, list[Score]] = {}
    for seed in range(seeds):
        for name in _LIBRARY:
            found.setdefault(name, []).append(library_score(name, table, seed))
        for name in MODELS:
            found.setdefault(name, []).append(train(name, table, seed))
    losses = {name: np.array([each.loss for each in scores]) for name, scores in found.items()}
    return losses, float(np.mean([each.dead_experts for each in found["experts"]]))


def _ratio(logarithms: Any) -> str:
    error = np.std(logarithms, ddof=1) / len(logarithms) ** 0.5 if len(logarithms) > 1 else 0.0
    return f"{np.exp(np.mean(logarithms)):.3f} ± {error:.3f}"


def _print_means(names: list[str], logarithms: dict[str, list[Any]], columns: int) -> None:
    for title, kept in (
        ("geometric mean", names),
        ("without the moons", [name for name in names if "moons" not in name]),
    ):
        cells = []
        for each in logarithms.values():
            means = [np.mean(row) for name, row in zip(names, each, strict=True) if name in kept]
            cells.append(f"{np.exp(np.mean(means)):.3f}")
        if title == "geometric mean" or len(kept) < len(names):
            print(f"| {title} |{' |' * (columns + 1)} {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
