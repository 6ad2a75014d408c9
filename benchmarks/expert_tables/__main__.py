"""Prints how sparse experts compare with dense networks of the same recipe and size.

    python -m benchmarks.expert_tables SETS [--ensembles] [--seeds 5] [--processes 1]

Log loss of labels, RMSE of values, on held-out rows; means over seeds, each with its own split.
The last columns are ratios of one loss to another, with the standard error of the paired
logarithms: below 1 experts are better. SETS are `development` or `reported`; ensembles, of 8
members, have reported sets of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
from typing import Any

import numpy as np

import gatewise as gw
from benchmarks.expert_tables.recipe import ENSEMBLES, LIBRARY, MODELS, Score, score
from benchmarks.expert_tables.table import Table

_RATIOS = tuple(("experts", name) for name in MODELS if name != "experts")
_ENSEMBLE_RATIOS = (
    ("shared experts", "experts"),
    ("shared experts", "shared dense = active"),
    ("shared experts", "shared dense = total"),
    ("own experts", "own dense = active"),
)
_WIDE, _WIDE_SEEDS = 300, 3
"""Ensembles of rows with more inputs are trained with that many seeds: they take minutes each."""


def main() -> None:
    """Prints the table of one kind of sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", choices=("development", "reported"))
    parser.add_argument("--ensembles", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1, help="each of one thread")
    parser.add_argument("--only", help="name of one table")
    arguments = parser.parse_args()
    if arguments.sets == "development":
        from benchmarks.expert_tables.development import TABLES
    elif arguments.ensembles:
        from benchmarks.expert_tables.reported_ensembles import TABLES
    else:
        from benchmarks.expert_tables.reported import TABLES
    if arguments.ensembles:
        _print_table(TABLES, arguments, ("experts", *ENSEMBLES), _ENSEMBLE_RATIOS)
    else:
        _print_table(TABLES, arguments, (*LIBRARY, *MODELS), _RATIOS)


def _print_table(
    tables: dict[str, Any],
    arguments: argparse.Namespace,
    columns: tuple[str, ...],
    ratios: tuple[tuple[str, str], ...],
) -> None:
    names = [arguments.only] if arguments.only else list(tables)
    titles = ["set", *columns, "dead", *(f"{one} / {other}" for one, other in ratios)]
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    logarithms: dict[tuple[str, str], list[Any]] = {pair: [] for pair in ratios}
    for name in names:
        table: Table = tables[name]()
        scores = _scores(table, columns, arguments)
        losses = {each: np.array([one.loss for one in scores[each]]) for each in columns}
        cells = [f"{np.mean(losses[each]):.4g}".replace("nan", "-") for each in columns]
        for one, other in ratios:
            logarithms[one, other].append(np.log(losses[one] / losses[other]))
        dead = np.mean([each.dead_experts for each in scores[ratios[0][0]]])
        cells += [f"{dead:.1f}", *(_ratio(each[-1]) for each in logarithms.values())]
        title = f"{name} (regimes)" if table.has_regimes else name
        print(f"| {title} | {' | '.join(cells)} |", flush=True)
    _print_means(names, logarithms, len(columns))


def _scores(
    table: Table, columns: tuple[str, ...], arguments: argparse.Namespace
) -> dict[str, list[Score]]:
    is_slow = "shared experts" in columns and table.x.shape[1] > _WIDE
    seeds = min(arguments.seeds, _WIDE_SEEDS) if is_slow else arguments.seeds
    # The longest first, so that no process waits for one at the end.
    jobs = [(name, table, seed) for name in reversed(columns) for seed in range(seeds)]
    if arguments.processes == 1:
        found = [score(*job) for job in jobs]
    else:
        context = multiprocessing.get_context("spawn")
        with context.Pool(arguments.processes, gw.set_num_threads, (1,)) as pool:
            found = pool.starmap(score, jobs, chunksize=1)
    scores: dict[str, list[Score]] = {}
    for (name, _, _), each in zip(jobs, found, strict=True):
        scores.setdefault(name, []).append(each)
    return scores


def _ratio(logarithms: Any) -> str:
    error = np.std(logarithms, ddof=1) / len(logarithms) ** 0.5 if len(logarithms) > 1 else 0.0
    return f"{np.exp(np.mean(logarithms)):.3f} ± {error:.3f}"


def _print_means(
    names: list[str], logarithms: dict[tuple[str, str], list[Any]], columns: int
) -> None:
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
