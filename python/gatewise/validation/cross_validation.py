"""Cross-validation of candidates, and its result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data.take_rows import take_rows
from gatewise.utils import html
from gatewise.utils.checks import check_integer
from gatewise.validation.candidates import fit_model, new_model, predict
from gatewise.validation.folds import make_folds, num_samples
from gatewise.validation.labels import as_targets
from gatewise.validation.one_standard_error import simplest_within_one_error, standard_errors
from gatewise.validation.scorers import find_score, is_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gatewise._core import Doubles


@dataclass(frozen=True)
class CrossValidation:
    """Scores and times of models by fold; printed, and shown in a notebook, as a table.

    Attributes
    ----------
    names : tuple of str
        Names of the models, in the given order.
    measure : str
        Name of the score.
    scores : ndarray (models, folds)
        Scores on the held-out rows of each fold; higher is better.
    fit_seconds, predict_seconds : ndarray (models, folds)
        Seconds of `fit`, and of the prediction of the held-out rows.
    rows : int
        Count of held-out rows of all folds together.
    costs : tuple of float, optional
        Cost of each model, in `cost_unit`. If omitted, the prediction time is the cost.
    cost_unit : str
        Unit of the costs.
    """

    names: tuple[str, ...]
    measure: str
    scores: Doubles
    fit_seconds: Doubles
    predict_seconds: Doubles
    rows: int
    costs: tuple[float, ...] | None = None
    cost_unit: str = "seconds"

    @property
    def means(self) -> Doubles:
        """Mean score of each model `(models,)`."""
        result: Doubles = self.scores.mean(axis=1)
        return result

    @property
    def standard_errors(self) -> Doubles:
        """Standard error of each mean `(models,)`."""
        return standard_errors(self.scores)

    @property
    def row_microseconds(self) -> Doubles:
        """Microseconds per predicted row, over all folds `(models,)`."""
        result: Doubles = self.predict_seconds.sum(axis=1) / self.rows * 1e6
        return result

    @property
    def best(self) -> str:
        """Name of the model with the highest mean score."""
        return self.names[self._choice()[1]]

    @property
    def chosen(self) -> str:
        """Name of the cheapest model within one standard error of the best."""
        return self.names[self._choice()[0]]

    @property
    def reason(self) -> str:
        """Why that model is chosen, in a sentence."""
        chosen, best = self._choice()
        means, error = self.means, self.standard_errors[best]
        top = f"{self.names[best]} has the highest mean {self.measure}, {means[best]:.4f}"
        if chosen == best:
            return f"{top}, and nothing cheaper is within its standard error of {error:.4f}."
        return (
            f"{top}; {self.names[chosen]} ({means[chosen]:.4f}) is the cheapest within its "
            f"standard error of {error:.4f}: {self._cost(chosen)} instead of {self._cost(best)}."
        )

    def difference(self, name: str, other: str) -> tuple[float, float]:
        """The mean of `name`'s score minus `other`'s over the folds, and its standard error.

        Raises
        ------
        KeyError
            There is no model of a name.
        """
        for each in (name, other):
            if each not in self.names:
                raise KeyError(f"expected one of {', '.join(self.names)}, got {each!r}")
        one, two = self.scores[self.names.index(name)], self.scores[self.names.index(other)]
        paired = (one - two)[np.newaxis]
        return float(paired.mean()), float(standard_errors(paired)[0])

    def _choice(self) -> tuple[int, int]:
        return simplest_within_one_error(self.scores, self.costs or self.row_microseconds.tolist())

    def _cost(self, at: int) -> str:
        if self.costs is None:
            return f"{self.row_microseconds[at]:.1f} microseconds a row"
        return f"{_format_cost(self.costs[at])} {self.cost_unit}"

    def _lines(self) -> list[tuple[str, ...]]:
        head = ("model", self.measure, "standard error", "fit (s)", "a row (us)")
        fits, rows = self.fit_seconds.mean(axis=1), self.row_microseconds
        lines: list[tuple[str, ...]] = [head if self.costs is None else (*head, self.cost_unit)]
        for at, name in enumerate(self.names):
            line = (
                name + (" *" if name == self.chosen else ""),
                f"{self.means[at]:.4f}",
                f"{self.standard_errors[at]:.4f}",
                f"{fits[at]:.3g}",
                f"{rows[at]:.3g}",
            )
            lines.append(line if self.costs is None else (*line, _format_cost(self.costs[at])))
        return lines

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        text = [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*text, f"* {self.reason}"])

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        return html.table(head, lines) + html.paragraph(self.reason)


class TableReprMixin:
    """Mixin of choices that print as the table of their cross-validation."""

    result: CrossValidation

    def __str__(self) -> str:
        return str(self.result)

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


def _format_cost(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 10 else f"{cost:g}"


def cross_validate(
    models: Mapping[str, Any],
    x: Any,
    y: Any,
    cv: Any,
    scoring: str | Callable[..., float] | None,
    seed: int,
    fit_options: Mapping[str, Any],
    costs: Sequence[float] | None = None,
    cost_unit: str = "seconds",
) -> CrossValidation:
    """Fits every candidate on every fold and scores it on the held-out rows; see `compare`."""
    if not models:
        raise ValueError("models: expected at least one, got none")
    seed = check_integer("seed", seed, 0)
    if y is not None and num_samples(x) != len(y):
        raise ValueError(f"y: expected {num_samples(x)} targets, one for each row, got {len(y)}")
    # An invalid candidate raises before any is fitted.
    made = [new_model(name, candidate, seed) for name, candidate in models.items()]
    targets = as_targets(y, made)
    folds = make_folds(cv, x, targets.to_score, seed)
    y = targets.y
    target = x if y is None else y if is_function(scoring) else targets.to_score
    measure, score = find_score(scoring, target)
    scores, fit_seconds, predict_seconds = np.zeros((3, len(models), len(folds)))
    for column, (training, held_out) in enumerate(folds):
        for line, (name, candidate) in enumerate(models.items()):
            model = new_model(name, candidate, seed + column)
            started = time.perf_counter()
            own_y = None if y is None else y[training]
            fit_model(model, take_rows(x, training), own_y, fit_options)
            fitted = time.perf_counter()
            rows = take_rows(x, held_out)
            predicted = predict(model, rows)
            ended = time.perf_counter()
            fit_seconds[line, column] = fitted - started
            predict_seconds[line, column] = ended - fitted
            scores[line, column] = score(model, rows, take_rows(target, held_out), predicted)
    return CrossValidation(
        tuple(models),
        measure,
        scores,
        fit_seconds,
        predict_seconds,
        rows=sum(len(held_out) for _, held_out in folds),
        costs=None if costs is None else tuple(costs),
        cost_unit=cost_unit,
    )
