"""Choice of the fraction of weights to keep, by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewise.compress import MagnitudePruning
from gatewise.models import Model
from gatewise.utils.checks import check_number
from gatewise.validation.cross_validation import CrossValidation, TableReprMixin, cross_validate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class SparsityChoice(TableReprMixin):
    """A chosen fraction of weights to keep, the reason, and the measurements.

    Attributes
    ----------
    keep : float
        The chosen fraction.
    reason : str
        Why it was chosen, in a sentence.
    keeps : tuple of float
        The fractions compared, in the order of the models of `result`.
    result : CrossValidation
        Scores and times.
    """

    keep: float
    reason: str
    keeps: tuple[float, ...]
    result: CrossValidation


def choose_sparsity(
    make_model: Callable[[float], Any],
    x: Any,
    y: Any,
    keep: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    cv: Any = 5,
    *,
    scoring: str | Callable[..., float] | None = None,
    seed: int = 0,
    **fit_options: Any,
) -> SparsityChoice:
    """Chooses the smallest fraction of weights within one standard error of the best score.

    Parameters
    ----------
    make_model : callable (keep) -> model
        Returns a `SparseExperts(..., keep=keep)`, or any other object with `fit` and `predict` that
        keeps that fraction itself; or a compiled `Model`, which is pruned by magnitude during
        training (`gw.compress.MagnitudePruning(1 - keep)`).
    x : array or SciPy sparse matrix (n, d)
        Samples.
    y : array (n,) or (n, u)
        Labels or targets, as in `gw.compare`.
    keep : sequence of float in (0, 1]
        Fractions to compare.
    cv, scoring, seed, **fit_options
        As in `gw.compare`.

    Returns
    -------
    SparsityChoice
        With `keep`, `reason` and the table `result`; `gw.plots.sparsity_choice` draws the curve.

    Raises
    ------
    ValueError
        A fraction is out of range, `keep` is empty, or x, y and cv do not match.
    TypeError
        `make_model` returns an object without `fit` and `predict`.

    References
    ----------
    Breiman, Friedman, Olshen, Stone 1984, "Classification and regression trees", section 3.4.3.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(120, 10)).astype(np.float32)
    >>> def make(keep):
    ...     return gw.decompose.SparseExperts(2, keep, seed=0)
    >>> y = (x[:, 0] > 0).astype(int)
    >>> choice = gw.decompose.choose_sparsity(make, x, y, keep=[0.2, 1.0], cv=3, epochs=5)
    >>> choice.keeps
    (0.2, 1.0)
    """
    shares = [check_number("keep", each, 0, 1) for each in keep]
    if not shares or min(shares) == 0:
        raise ValueError(f"keep: expected shares above 0, got {list(keep)}")
    models = {f"keep {share:g}": _Pruned(make_model, share) for share in shares}
    result = cross_validate(models, x, y, cv, scoring, seed, fit_options, shares, "of the weights")
    chosen = shares[result.names.index(result.chosen)]
    return SparsityChoice(chosen, result.reason, tuple(shares), result)


@dataclass(frozen=True)
class _Pruned:
    """Makes the model for a fraction; a `Model` is wrapped so that `fit` prunes it."""

    make: Callable[[float], Any]
    keep: float

    def __call__(self) -> Any:
        model = self.make(self.keep)
        return _PrunedModel(model, self.keep) if isinstance(model, Model) else model


class _PrunedModel:
    def __init__(self, model: Model, keep: float) -> None:
        self.model, self.keep = model, keep

    def fit(self, x: Any, y: Any, callbacks: Sequence[Any] = (), **options: Any) -> None:
        pruning = [] if self.keep == 1 else [MagnitudePruning(1 - self.keep)]
        self.model.fit(x, y, **{"verbose": 0, **options}, callbacks=[*callbacks, *pruning])

    def predict(self, x: Any) -> Any:
        return self.model.predict(x, verbose=0)
