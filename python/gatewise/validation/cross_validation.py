"""Fits every candidate on every fold, and holds what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.utils.checks import check_integer
from gatewise.validation.candidates import default_scoring, fit_model, new_model, predict
from gatewise.validation.folds import make_folds, num_samples
from gatewise.validation.one_standard_error import simplest_within_one_error, standard_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gatewise._core import Doubles


@dataclass(frozen=True)
class CrossValidation:
    """Scores and times of models, fold by fold; printed, and shown in a notebook, as a table.

    Attributes
    ----------
    names : tuple of str
        The models, in the order in which they were given.
    measure : str
        What a score is.
    scores : ndarray (models, folds)
        On the rows held out of each fold; higher is better.
    fit_seconds, predict_seconds : ndarray (models, folds)
        Of `fit`, and of predicting the rows held out.
    rows : int
        Held out in all folds together.
    costs : tuple of float, optional
        What each model costs, in `cost_unit`s; unless given, seconds of predicting decide.
    cost_unit : str
        What costs are counted in.
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
        """Microseconds to predict a row, over all folds `(models,)`."""
        result: Doubles = self.predict_seconds.sum(axis=1) / self.rows * 1e6
        return result

    @property
    def best(self) -> str:
        """The model of highest mean score."""
        return self.names[self._choice()[1]]

    @property
    def chosen(self) -> str:
        """The cheapest within one standard error of the best."""
        return self.names[self._choice()[0]]

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        chosen, best = self._choice()
        means, error = self.means, self.standard_errors[best]
        top = f"{self.names[best]} has the highest mean {self.measure}, {means[best]:.4f}"
        if chosen == best:
            return f"{top}, and nothing cheaper is within its standard error of {error:.4f}."
        return (
            f"{top}; {self.names[chosen]} ({means[chosen]:.4f}) is the cheapest within its "
            f"standard error of {error:.4f}: {self._cost(chosen)} instead of {self._cost(best)}."
        )

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
        cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>"
            for line in lines
        )
        return f"<table><tr>{cells}</tr>{body}</table><p>{escape(self.reason)}</p>"


class TableReprMixin:
    """A choice that prints as the table it was made from."""

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
    scoring: Callable[[Any, Any], float] | None,
    seed: int,
    fit_options: Mapping[str, Any],
    costs: Sequence[float] | None = None,
    cost_unit: str = "seconds",
) -> CrossValidation:
    """See `compare`."""
    if not models:
        raise ValueError("models: expected at least one, got none")
    seed = check_integer("seed", seed, 0)
    if y is not None and num_samples(x) != len(y):
        raise ValueError(f"y: expected {num_samples(x)} targets, one for each row, got {len(y)}")
    folds = make_folds(cv, x, y, seed)
    for name, candidate in models.items():
        new_model(name, candidate, seed)  # a wrong one is refused before anything is fitted
    target = x if y is None else y
    measure, score = default_scoring(target) if scoring is None else ("score", scoring)
    scores, fit_seconds, predict_seconds = np.zeros((3, len(models), len(folds)))
    for column, (training, held_out) in enumerate(folds):
        for line, (name, candidate) in enumerate(models.items()):
            model = new_model(name, candidate, seed + column)
            started = time.perf_counter()
            fit_model(model, x[training], None if y is None else y[training], fit_options)
            fitted = time.perf_counter()
            predicted = predict(model, x[held_out])
            ended = time.perf_counter()
            fit_seconds[line, column] = fitted - started
            predict_seconds[line, column] = ended - fitted
            scores[line, column] = score(target[held_out], predicted)
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
