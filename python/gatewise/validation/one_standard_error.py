"""One-standard-error rule: the simplest model about as good as the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewise._core import Doubles


def standard_errors(scores: Doubles) -> Doubles:
    """Standard errors of the means over folds of scores `(models, folds)`.

    `std / sqrt(folds)`, with std divided by n - 1; 0 with one fold.
    """
    folds = scores.shape[1]
    if folds < 2:
        return np.zeros(len(scores))
    result: Doubles = scores.std(axis=1, ddof=1) / np.sqrt(folds)
    return result


def simplest_within_one_error(scores: Doubles, costs: Sequence[float]) -> tuple[int, int]:
    """Indices of the chosen model and of the best model.

    The best model has the highest mean. The chosen model is the cheapest of those whose mean is at
    least the best mean minus its standard error; of equal costs, the one with the higher mean.

    Parameters
    ----------
    scores : ndarray (models, folds)
        Higher is better.
    costs : sequence (models,)
        Lower is simpler.

    References
    ----------
    Breiman, Friedman, Olshen, Stone 1984, "Classification and regression trees", section 3.4.3;
    Hastie, Tibshirani, Friedman 2009, "The elements of statistical learning", section 7.10.
    """
    means = scores.mean(axis=1)
    best = int(means.argmax())
    threshold = means[best] - standard_errors(scores)[best]
    good_enough = [at for at, mean in enumerate(means) if mean >= threshold]
    chosen = min(good_enough, key=lambda at: (costs[at], -means[at]))
    return chosen, best
