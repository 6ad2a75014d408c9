"""Metrics that add up the rows of steps in Python, beside those of the core."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gatewise.data.convert import Array, Shape
from gatewise.metrics import Metric

if TYPE_CHECKING:
    from gatewise import _core

_KEY = "metric.{}.{}"


@dataclass(frozen=True, eq=False, repr=False)
class MetricObject:
    """A metric of one output, and whether it sees weights of samples."""

    output: int
    metric: Metric
    weighted: bool


class MetricObjects:
    """The metric objects of a model, which see targets and predictions of each step.

    Parameters
    ----------
    trainer : Trainer
        Records the rows of each step.
    objects : sequence of MetricObject
        The metrics.
    shapes : sequence of tuple
        The shape `(None, ..., units)` of each output.
    copied : bool
        Whether copies are used, since the objects themselves are at work in a training.
    """

    def __init__(
        self,
        trainer: _core.Trainer,
        objects: Sequence[MetricObject],
        shapes: Sequence[Shape],
        copied: bool,
    ) -> None:
        self._trainer = trainer
        self._objects = objects
        self._metrics = [each.metric for each in objects]
        if copied:
            self._metrics = copy.deepcopy(self._metrics)
        self._shapes = shapes
        self._has_begun = False

    def add_step(self, samples: int) -> None:
        """Adds the rows of the last step; the first one after a reset of all metrics."""
        if not self._has_begun:
            for metric in self._metrics:
                metric.reset_state()
            self._has_begun = True
        rows: dict[int, tuple[Array, Array, Array | None]] = {}
        for each, metric in zip(self._objects, self._metrics, strict=True):
            if each.output not in rows:
                rows[each.output] = self._rows_of(each.output, samples)
            y_true, y_pred, weights = rows[each.output]
            if each.weighted:
                metric.update_state(y_true, y_pred, sample_weight=weights)
            else:
                metric.update_state(y_true, y_pred)

    def results(self) -> list[Any]:
        """A float, or an array, for each metric."""
        return [_plain(metric.result()) for metric in self._metrics]

    def get_state(self) -> dict[str, Array]:
        """Copies of the metrics' arrays by key."""
        return {
            _KEY.format(at, index): np.array(variable)
            for at, metric in enumerate(self._metrics)
            for index, variable in enumerate(metric.variables)
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continues from a result of `get_state`.

        Raises
        ------
        ValueError
            If an array is missing or has another shape.
        """
        self._has_begun = True
        for at, (each, metric) in enumerate(zip(self._objects, self._metrics, strict=True)):
            metric.build(int(self._shapes[each.output][-1] or 0))
            for index, variable in enumerate(metric.variables):
                key = _KEY.format(at, index)
                stored = state.get(key)
                if stored is None or stored.shape != variable.shape:
                    raise ValueError(f"{key}: expected an array of shape {variable.shape}")
                variable.assign(stored)

    def _rows_of(self, output: int, samples: int) -> tuple[Array, Array, Array | None]:
        """Targets, predictions and weights with the axes of samples."""
        y_true, y_pred, weights = self._trainer.record(output)
        inner = self._shapes[output][1:-1]
        if not inner:
            return y_true, y_pred, weights
        rows = tuple(-1 if size is None else size for size in inner)
        rows = rows if rows.count(-1) < 2 else (-1,)
        lead = (samples, *rows)
        return (
            y_true.reshape(*lead, *y_true.shape[1:]),
            y_pred.reshape(*lead, y_pred.shape[1]),
            None if weights is None else weights.reshape(lead),
        )


def _plain(result: Any) -> Any:
    array = np.asarray(result)
    return array if array.ndim else float(array)
