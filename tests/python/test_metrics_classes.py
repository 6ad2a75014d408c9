"""Intersection over union, best rates under a limit, and correlations.

Their values in Keras are stored in tests/keras; this file has the cases that those leave out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw

metrics = gw.metrics


def test_rows_of_no_class_are_left_out() -> None:
    expected, outputs = [0, 1, 2, -1, 0, 1], [0, 1, 0, 0, 2, -1]
    metric = metrics.MeanIoU(2)
    metric.update_state(expected, outputs)
    assert metric.total_cm.tolist() == [[1, 0], [0, 1]]
    floats = metrics.MeanIoU(2)
    floats.update_state([0.7, np.nan, 1.2, np.inf], [1.9, 1, 1, -np.inf])  # fractions are cut off
    assert floats.total_cm.tolist() == [[0, 1], [0, 1]]
    ignored = metrics.MeanIoU(2, ignore_class=0)
    ignored.update_state([0, 1, 1], [0, 0, 1])
    assert ignored.total_cm.tolist() == [[0, 0], [1, 1]]


def test_weights_are_those_of_rows_or_samples() -> None:
    expected = np.array([[0, 1, 1], [1, 0, 1]])
    for weights, right in (
        (2.0, [[4, 0], [0, 8]]),
        ([0.5, 0.25], [[0.75, 0], [0, 1.5]]),
        ([[1, 0, 0], [0, 0, 0.5]], [[1, 0], [0, 0.5]]),
        (np.arange(6), [[4, 0], [0, 11]]),
    ):
        metric = metrics.IoU(2, [0])
        metric.update_state(expected, expected, sample_weight=weights)
        assert metric.total_cm.tolist() == right


def test_the_axis_of_classes_is_given() -> None:
    rng = np.random.default_rng(3)
    values, labels = rng.uniform(size=(5, 3, 4)), rng.integers(0, 3, (5, 4))
    metric = metrics.MeanIoU(3, sparse_y_pred=False, axis=1)
    other = metrics.MeanIoU(3)
    assert metric(labels, values) == other(labels, values.argmax(axis=1))


def test_masks_of_images_have_an_intersection_over_union() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6, 3, 3, 2)).astype(np.float32)
    y = (rng.uniform(size=(6, 3, 3, 1)) > 0.5).astype(np.float32)
    weights = np.array([1, 2, 0, 1, 3, 1], np.float32)
    model = gw.Sequential([gw.Input((3, 3, 2)), gw.layers.Dense(1, activation="sigmoid")])
    model.compile(
        "sgd",
        "binary_crossentropy",
        metrics=[metrics.BinaryIoU(name="plain")],
        weighted_metrics=[metrics.BinaryIoU(name="weighted")],
    )
    found = model.evaluate(x, y, batch_size=4, sample_weight=weights, verbose=0, return_dict=True)
    outputs = model.predict(x, verbose=0)
    assert found["plain"] == pytest.approx(metrics.BinaryIoU()(y, outputs), rel=1e-12)
    of_rows = metrics.BinaryIoU()(y, outputs, sample_weight=weights)
    assert found["weighted"] == pytest.approx(of_rows, rel=1e-12)
    assert found["weighted"] != found["plain"]


def test_a_limit_that_no_threshold_meets_gives_0() -> None:
    y_true, y_pred = np.zeros(3), np.array([0.1, 0.5, 0.9])
    assert metrics.RecallAtPrecision(0.5)(y_true, y_pred) == 0
    assert metrics.RecallAtPrecision(0.0)(y_true, y_pred) == 0


def test_a_rounded_sum_of_weights_meets_the_limit_that_it_equals() -> None:
    metric = metrics.SensitivityAtSpecificity(0.8, num_thresholds=1)
    y_true, y_pred = [0, 0, 0, 1], [0.1, 0.2, 0.7, 0.9]
    # In float64 the sum of 0.1 and 0.7 is below 0.8; in float32 the rate is it.
    assert metric(y_true, y_pred, sample_weight=[0.1, 0.7, 0.2, 1]) == 1


def test_correlations_along_the_samples_are_of_units() -> None:
    rng = np.random.default_rng(6)
    y_true, y_pred = rng.normal(size=(2, 8, 3)).astype(np.float32)
    expected = [np.corrcoef(y_true[:, unit], y_pred[:, unit])[0, 1] for unit in range(3)]
    found = metrics.pearson_correlation(y_true, y_pred, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert metrics.PearsonCorrelation(axis=0)(y_true, y_pred) == pytest.approx(np.mean(expected))
    concordance = metrics.concordance_correlation(y_true, y_pred, axis=0)
    spread = y_true.std(axis=0) * y_pred.std(axis=0)
    shift = (y_true.mean(axis=0) - y_pred.mean(axis=0)) ** 2
    divisor = y_true.var(axis=0) + y_pred.var(axis=0) + shift
    np.testing.assert_allclose(concordance, 2 * spread * found / divisor, rtol=1e-5)  # float32


def test_rows_that_are_all_the_same_have_no_correlation() -> None:
    assert np.isnan(metrics.pearson_correlation([1, 1], [1, 2]))
    assert metrics.concordance_correlation([1, 1], [1, 2]) == 0
    assert metrics.concordance_correlation([1, 1], [1, 1]) == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: metrics.IoU(0, [0]), ValueError, "num_classes: expected an integer >= 1, got 0"),
        (
            lambda: metrics.IoU(2, [0, 2]),
            ValueError,
            r"target_class_ids: expected classes from 0 to 1, got \[0, 2\]",
        ),
        (lambda: metrics.IoU(2, []), ValueError, r"target_class_ids: expected classes from 0 to 1"),
        (lambda: metrics.IoU(2, [-1]), ValueError, "target_class_ids: expected an integer >= 0"),
        (lambda: metrics.IoU(2, [0], ignore_class=0.5), TypeError, "ignore_class: expected an int"),
        (lambda: metrics.MeanIoU(2, sparse_y_true=1), TypeError, "sparse_y_true: expected True or"),
        (lambda: metrics.MeanIoU(2, axis=1.5), TypeError, "axis: expected an integer >= -64"),
        (lambda: metrics.BinaryIoU(threshold="a"), TypeError, "threshold: expected a number"),
        (
            lambda: metrics.MeanIoU(2, sparse_y_pred=False)([0, 1], np.eye(3)),
            ValueError,
            r"MeanIoU: expected as many classes in y_true and y_pred, got shapes \(2,\) and \(3,\)",
        ),
        (
            lambda: metrics.OneHotMeanIoU(2, axis=2)(np.eye(2), np.eye(2)),
            ValueError,
            r"axis: expected one of values \(2, 2\), got 2",
        ),
        (
            lambda: metrics.MeanIoU(2)([0, 1], [0, 1], sample_weight=[1, 1, 1]),
            ValueError,
            r"sample_weight: expected weights of classes of shape \(2,\), got \(3,\)",
        ),
        (
            lambda: metrics.RecallAtPrecision(1.5),
            ValueError,
            r"precision: expected a number in \[0, 1\], got 1.5",
        ),
        (
            lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0),
            ValueError,
            "num_thresholds: expected an integer >= 1, got 0",
        ),
        (
            lambda: metrics.SensitivityAtSpecificity(0.5, class_id=-1),
            ValueError,
            "class_id: expected an integer >= 0, got -1",
        ),
        (lambda: metrics.PearsonCorrelation(axis="x"), TypeError, "axis: expected an integer"),
        (
            lambda: metrics.pearson_correlation([1, 2], [1, 2], axis=1),
            ValueError,
            r"axis: expected one of predictions \(2,\), got 1",
        ),
    ],
)
def test_wrong_settings_and_arrays_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
