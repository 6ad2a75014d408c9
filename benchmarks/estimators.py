"""The estimators at their defaults beside scikit-learn's and others at theirs, by 5-fold tables.

    python -m benchmarks.estimators SETS [--only NAME] [--processes 1] [--others]

Log loss of labels, RMSE of values, means over the folds of one shuffled cross-validation. Inputs,
and the values that the MLP learns, are standardized. "dense" are ensembles of one hidden layer,
trained as the experts are, of as many parameters as a row of a member uses, and of as many as there
are. SETS are `development` (recipes were chosen on them) or `reported` (they were not).
`--others` adds LightGBM, CatBoost, and RealMLP and TabM of pytabkit, which pip installs.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import gatewise as gw
from benchmarks.expert_tables import recipe as dense_models
from benchmarks.expert_tables.table import Table
from gatewise.estimators.recipe import Recipe

FOLDS = 5
_TOO_SLOW = 5_000
"""Classes times inputs above which boosted trees take minutes a fold: they are left out."""


class _DenseRecipe(Recipe):
    """The same training of dense ensembles."""

    def build(self, targets: Any) -> Any:
        arguments = self.width, targets.outputs, targets.activation
        size = self.settings.size
        if not self.is_wide:
            return dense_models.ENSEMBLES[f"shared dense = {size}"](*arguments)
        count = self.k if size == "active" else dense_models.EXPERTS
        return dense_models.own_dense(*arguments, count, self.hidden_units)


class _Dense:
    """Mixin of estimators that train dense ensembles in place of experts."""

    size = "active"
    _recipe_class: type[Recipe] = _DenseRecipe


class _DenseClassifier(_Dense, gw.SparseExpertClassifier):
    pass


class _DenseRegressor(_Dense, gw.SparseExpertRegressor):
    pass


class _LargeDenseClassifier(_DenseClassifier):
    size = "total"


class _LargeDenseRegressor(_DenseRegressor):
    size = "total"


def _linear(table: Table) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return _scaled(LogisticRegression(max_iter=1000) if table.classes else Ridge())


def _mlp(table: Table) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if table.classes:
        return _scaled(MLPClassifier(random_state=0))
    regressor = MLPRegressor(random_state=0)
    return _scaled(TransformedTargetRegressor(regressor, transformer=StandardScaler()))


def _trees(table: Table) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if table.classes * table.x.shape[1] > _TOO_SLOW:
        return None
    if table.classes:
        return HistGradientBoostingClassifier(random_state=0)
    return HistGradientBoostingRegressor(random_state=0)


def _scaled(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def _lightgbm(table: Table) -> Any:
    lightgbm: Any = importlib.import_module("lightgbm")
    kind = lightgbm.LGBMClassifier if table.classes else lightgbm.LGBMRegressor
    return kind(random_state=0, verbose=-1)


def _catboost(table: Table) -> Any:
    catboost: Any = importlib.import_module("catboost")
    kind = catboost.CatBoostClassifier if table.classes else catboost.CatBoostRegressor
    return kind(random_seed=0, verbose=False, allow_writing_files=False)


def _pytabkit(name: str) -> Callable[[Table], Any]:
    def make(table: Table) -> Any:
        pytabkit = importlib.import_module("pytabkit")
        kind = getattr(pytabkit, f"{name}_{'Classifier' if table.classes else 'Regressor'}")
        return kind(random_state=0, device="cpu")

    return make


def _experts(table: Table) -> Any:
    kind = gw.SparseExpertClassifier if table.classes else gw.SparseExpertRegressor
    return kind(random_state=0)


def _dense(table: Table) -> Any:
    return (_DenseClassifier if table.classes else _DenseRegressor)(random_state=0)


def _large_dense(table: Table) -> Any:
    return (_LargeDenseClassifier if table.classes else _LargeDenseRegressor)(random_state=0)


LIBRARY = {"linear": _linear, "MLP": _mlp, "boosted trees": _trees}
DENSE = {"dense = active": _dense, "dense = total": _large_dense}
OTHERS = {
    "LightGBM": _lightgbm,
    "CatBoost": _catboost,
    "RealMLP": _pytabkit("RealMLP_TD"),
    "TabM": _pytabkit("TabM_D"),
}
ALL = {"experts": _experts, **LIBRARY, **DENSE, **OTHERS}


def score(name: str, table: Table, fold: int) -> tuple[float, float]:
    """Loss on the held-out rows of a fold, and seconds of the fit."""
    from sklearn.model_selection import KFold, StratifiedKFold

    warnings.simplefilter("ignore")
    model = ALL[name](table)
    if model is None:
        return float("nan"), float("nan")
    kind = StratifiedKFold if table.classes else KFold
    splits = list(kind(FOLDS, shuffle=True, random_state=0).split(table.x, table.y))
    training, held_out = splits[fold]
    started = time.perf_counter()
    model.fit(table.x[training], table.y[training])
    seconds = time.perf_counter() - started
    expected = table.y[held_out]
    if not table.classes:
        error = np.asarray(model.predict(table.x[held_out]), np.float64).ravel() - expected
        return float(np.sqrt((error**2).mean())), seconds
    shares = np.maximum(model.predict_proba(table.x[held_out]).astype(np.float64), 1e-15)
    shares /= shares.sum(axis=1, keepdims=True)
    chosen = shares[np.arange(len(expected)), expected]
    return float(-np.log(chosen).mean()), seconds


def main() -> None:
    """Prints the table of one kind of sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", choices=("development", "reported"))
    parser.add_argument("--only", help="name of one table")
    parser.add_argument("--processes", type=int, default=1, help="each of one thread if several")
    parser.add_argument("--others", action="store_true", help="LightGBM, CatBoost, RealMLP, TabM")
    arguments = parser.parse_args()
    tables = _tables(arguments.sets)
    names = [arguments.only] if arguments.only else list(tables)
    columns = [each for each in ALL if arguments.others or each not in OTHERS]
    print(f"| set | {' | '.join(columns)} | / best of scikit-learn | seconds |")
    print("|---" * (len(columns) + 3) + "|")
    found = {}
    for name in names:
        found[name] = losses = _losses(tables[name](), columns, arguments.processes)
        cells = [f"{losses[each][0]:.4g}".replace("nan", "-") for each in columns]
        ratio = losses["experts"][0] / _best(losses)
        print(
            f"| {name} | {' | '.join(cells)} | {ratio:.3f} | {losses['experts'][1]:.1f} |",
            flush=True,
        )
    _print_means(found, columns)


def _tables(sets: str) -> dict[str, Callable[[], Table]]:
    if sets == "development":
        from benchmarks.expert_tables.development import TABLES

        return TABLES
    from benchmarks.expert_tables import reported, reported_ensembles

    return {**reported.TABLES, **reported_ensembles.TABLES}


def _losses(table: Table, columns: list[str], processes: int) -> dict[str, tuple[float, float]]:
    jobs = [(name, table, fold) for name in columns for fold in range(FOLDS)]
    if processes == 1:
        results = [score(*job) for job in jobs]
    else:
        context = multiprocessing.get_context("spawn")
        with context.Pool(processes, gw.set_num_threads, (1,)) as pool:
            results = pool.starmap(score, jobs, chunksize=1)
    values = np.array(results).reshape(len(columns), FOLDS, 2)
    means = zip(columns, values[:, :, 0].mean(axis=1), values[:, :, 1].max(axis=1), strict=True)
    return {name: (float(loss), float(seconds)) for name, loss, seconds in means}


def _best(losses: dict[str, tuple[float, float]]) -> float:
    return float(np.nanmin([losses[each][0] for each in LIBRARY]))


def _print_means(found: dict[str, dict[str, tuple[float, float]]], columns: list[str]) -> None:
    for title, names in (
        ("geometric mean, / best of scikit-learn", list(found)),
        ("without the moons", [name for name in found if "moons" not in name]),
    ):
        cells = []
        for each in columns:
            ratios = [found[name][each][0] / _best(found[name]) for name in names]
            cells.append(f"{np.exp(np.nanmean(np.log(ratios))):.3f}")
        print(f"| {title} | {' | '.join(cells)} | | |", flush=True)
    ranks = []
    for losses in found.values():
        values = np.array([losses[each][0] for each in columns])
        order = np.argsort(np.argsort(np.where(np.isnan(values), np.inf, values)))
        ranks.append(order + 1)
    cells = [f"{rank:.2f}" for rank in np.mean(ranks, axis=0)]
    print(f"| mean rank | {' | '.join(cells)} | | |")


if __name__ == "__main__":
    main()
