"""Choice of the expert count E and of k, the experts per row."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data.csr import is_sparse, to_csr
from gatewise.data.scores import has_labels
from gatewise.models import Model, SparseExpertModel
from gatewise.training import RoutingCollapseWarning
from gatewise.utils.checks import check_integer
from gatewise.utils.random import seeds_from
from gatewise.validation.cross_validation import CrossValidation, TableReprMixin, cross_validate
from gatewise.validation.dense_peers import parameters_of
from gatewise.validation.labels import as_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gatewise.experts import Expert
    from gatewise.registry import Config


@dataclass(frozen=True)
class ExpertChoice(TableReprMixin):
    """A chosen expert count and k, the reason, and the measurements.

    Attributes
    ----------
    num_experts, k : int
        The chosen pair.
    reason : str
        Why it was chosen, in a sentence.
    pairs : tuple of (int, int)
        `(num_experts, k)` of each model of `result`, in its order.
    result : CrossValidation
        Scores and times.
    """

    num_experts: int
    k: int
    reason: str
    pairs: tuple[tuple[int, int], ...]
    result: CrossValidation


def choose_experts(
    x: Any,
    y: Any,
    num_experts: Sequence[int] = (4, 8, 16),
    k: Sequence[int] = (1, 2, 4),
    cv: Any = 5,
    *,
    expert: str | Expert | Config = "linear",
    score: str = "router",
    make_model: Callable[[int, int], Model] | None = None,
    scoring: str | Callable[..., float] | None = None,
    seed: int = 0,
    **fit_options: Any,
) -> ExpertChoice:
    """Chooses E and k by cross-validation: the cheapest within one standard error of the best.

    Every pair with k <= E is trained on the same folds. The cost of a pair is the count of
    parameters used per row: those of k experts, of the router and of other layers. Times are
    measured too. Warnings of routing collapse are suppressed, because it shows in the scores.

    Parameters
    ----------
    x : array or SciPy sparse matrix (n, d)
        Samples.
    y : array (n,) or (n, u)
        Labels or targets, as in `compare`; whole floats are labels if they have at most 20
        distinct values, and one-hot rows become class indices.
    num_experts, k : sequence of int
        Values to compare.
    cv : int, splitter, or iterable of (training, validation) rows
        As in `compare`.
    expert, score
        Settings of the `SparseExpertModel` that is trained, with Adam, and a softmax over C
        classes for labels or the mean squared error for targets.
    make_model : callable (num_experts, k) -> Model, optional
        Returns the compiled model to train instead.
    scoring, seed, **fit_options
        As in `compare`.

    Returns
    -------
    ExpertChoice
        With `num_experts`, `k`, `reason` and the table `result`; `gw.plots.expert_choice` draws it.

    Raises
    ------
    ValueError
        There is no pair with k <= E, or x, y and cv do not match.
    TypeError
        A value is not an integer, or `make_model` does not return a model.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(90, 4))
    >>> choice = gw.choose_experts(x, (x[:, 0] > 0).astype(int), [1, 4], k=[1], cv=3, epochs=2)
    >>> choice.pairs
    ((1, 1), (4, 1))
    """
    pairs = [
        (check_integer("num_experts", count, 1), check_integer("k", kept, 1))
        for count in num_experts
        for kept in k
        if kept <= count
    ]
    if not pairs:
        raise ValueError(
            f"k: expected a value <= one of num_experts {list(num_experts)}, got {list(k)}"
        )
    if is_sparse(x):
        x = to_csr(x, "x")
    if make_model is None:
        y = as_targets(y).to_score
        make_model = _default_model(x, y, expert, score)
    make: Callable[[int, int], Model] = make_model
    with seeds_from(seed):
        costs = [_parameters_per_row(make(*pair), x.shape[-1]) for pair in pairs]
    models = {f"{e} experts, k {kept}": _ModelFactory(make, (e, kept)) for e, kept in pairs}
    with warnings.catch_warnings():
        # Routing may collapse with too many experts; the scores show it.
        warnings.simplefilter("ignore", RoutingCollapseWarning)
        result = cross_validate(
            models, x, y, cv, scoring, seed, fit_options, costs, "parameters a row"
        )
    chosen = pairs[result.names.index(result.chosen)]
    return ExpertChoice(*chosen, result.reason, tuple(pairs), result)


@dataclass(frozen=True)
class _ModelFactory:
    make: Callable[[int, int], Model]
    pair: tuple[int, int]

    def __call__(self) -> Model:
        return self.make(*self.pair)


def _default_model(
    x: Any, y: Any, expert: str | Expert | Config, score: str
) -> Callable[[int, int], Model]:
    labels = has_labels(y)
    width = int(np.max(y)) + 1 if labels else math.prod(np.shape(y)[1:])

    def make(num_experts: int, k: int) -> Model:
        model = SparseExpertModel(
            num_experts,
            x.shape[-1],
            width,
            k,
            expert,
            score,
            activation="softmax" if labels else None,
        )
        model.compile("adam", "sparse_categorical_crossentropy" if labels else "mse")
        return model

    return make


def _parameters_per_row(model: object, width: int) -> float:
    """Count of parameters used per row."""
    if not isinstance(model, Model):
        raise TypeError(f"make_model: expected a Model, got {type(model).__name__}")
    if not model.built:
        model.build((None, width))
    return sum(parameters_of(layer)[0] for layer in model.layers)
