"""State of metrics: arrays, metrics inside a metric, and names of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw


class Pair(gw.metrics.Metric):
    """A sum, and metrics inside it."""

    def __init__(self, name: str = "pair") -> None:
        super().__init__(name)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.inner = gw.metrics.Mean()
        self.more: Any = {"a": gw.metrics.Sum(), "b": [gw.metrics.Sum()]}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign_add(np.sum(y_pred))
        self.inner.update_state(y_pred)
        self.more["a"].update_state(y_pred)
        self.more["b"][0].update_state(y_pred)

    def result(self) -> float:
        return float(self.total + self.inner.result() + self.more["b"][0].result())


def test_the_state_of_a_metric_has_that_of_metrics_inside_it() -> None:
    metric = Pair()
    assert len(metric.variables) == 1 + 2 + 1 + 1
    assert metric(np.zeros(2), np.array([1.0, 3.0])) == 4 + 2 + 4
    metric.reset_state()
    assert [float(each) for each in metric.variables] == [0] * 5
    assert metric(np.zeros(2), np.array([1.0, 1.0])) == 2 + 1 + 2


def test_a_metric_that_is_inside_twice_is_counted_once() -> None:
    metric, inner = gw.metrics.Mean(), gw.metrics.Mean()
    metric.both, inner.outer = [inner, inner], metric  # type: ignore[attr-defined]
    assert len(metric.variables) == len(inner.variables) == 4


def test_a_metric_with_others_inside_is_reset_with_each_epoch() -> None:
    x = np.linspace(0, 1, 6, dtype=np.float32)[:, np.newaxis]
    model = gw.Sequential([gw.Input((1,)), gw.layers.Dense(1)])
    model.compile(gw.optimizers.SGD(0.0), "mse", metrics=[Pair()])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    found = model.fit(x, x, epochs=2, batch_size=2, verbose=0).history["pair"]
    assert found == pytest.approx([x.sum() * 2 + x.mean()] * 2, rel=1e-6)  # float32


def test_initial_values_are_named_or_given() -> None:
    metric = gw.metrics.Metric("empty")
    assert metric.dtype == "float32"
    assert metric.add_variable((2,)).tolist() == [0, 0]
    assert metric.add_variable((2,), initializer="ones").tolist() == [1, 1]
    constant = gw.initializers.Constant(3.0)
    assert metric.add_variable((2,), initializer=constant).tolist() == [3, 3]
    with pytest.raises(ValueError, match="initializer: expected one of zeros, ones, got 'glorot'"):
        metric.add_variable((2,), initializer="glorot")


def test_counts_have_names() -> None:
    y_true, y_pred = np.array([1, 0, 1, 0]), np.array([0.9, 0.6, 0.2, 0.1])
    for metric in (
        gw.metrics.Precision(),
        gw.metrics.RecallAtPrecision(0.5, num_thresholds=1),
        gw.metrics.AUC(thresholds=[0.5]),
    ):
        metric(y_true, y_pred, sample_weight=[1, 2, 4, 8])
        middle = len(metric.thresholds) // 2
        assert metric.true_positives.shape == (len(metric.thresholds),)
        assert metric.true_positives[middle] == 1
        assert metric.false_positives[middle] == 2
        assert metric.true_negatives[middle] == 8
        assert metric.false_negatives[middle] == 4
    area = gw.metrics.AUC(num_thresholds=5, multi_label=True)
    assert area.true_positives.shape == (5, 1)
    area(np.eye(2), np.eye(2))
    assert area.true_positives.tolist() == [[1, 1]] * 4 + [[0, 0]]
