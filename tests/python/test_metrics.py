"""Metrics agree with their formulas, as objects and in steps; names, settings and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gatewise as gw

CLASSES = 7


LOGITS = gw.losses.CategoricalCrossentropy(from_logits=True)


def evaluate(metric, outputs: np.ndarray, targets: np.ndarray, loss=LOGITS) -> float:
    """The metric of a model whose outputs are its inputs; the loss must accept the targets."""
    width = outputs.shape[1]
    layer = gw.layers.Dense(width, use_bias=False)
    model = gw.Sequential([gw.Input(shape=(width,)), layer])
    model.set_weights([np.eye(width)])
    model.compile("sgd", loss, metrics=[metric])
    return model.evaluate(outputs, targets, verbose=0)[1]


@pytest.mark.parametrize("k", [1, 3, 7, 20])
def test_top_k_categorical_accuracy_counts_targets_among_the_k_largest_outputs(k):
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(200, CLASSES)).astype(np.float32)
    labels = rng.integers(0, CLASSES, 200)
    largest = np.argsort(-outputs, axis=1)[:, :k]
    expected = np.mean([label in row for label, row in zip(labels, largest, strict=True)])
    metric = gw.metrics.TopKCategoricalAccuracy(k)
    assert evaluate(metric, outputs, np.eye(CLASSES)[labels]) == pytest.approx(expected, abs=1e-6)


def test_top_k_categorical_accuracy_counts_a_tie_as_among_them():
    outputs = np.array([[1, 1, 1, 0, 0, 0, 0]], np.float32)
    assert evaluate(gw.metrics.TopKCategoricalAccuracy(1), outputs, np.eye(CLASSES)[[2]]) == 1
    assert evaluate(gw.metrics.TopKCategoricalAccuracy(3), outputs, np.eye(CLASSES)[[4]]) == 0


def test_top_k_categorical_accuracy_has_keras_default_and_a_configuration():
    metric = gw.metrics.get("top_k_categorical_accuracy")
    assert metric.k == 5
    config = gw.metrics.serialize(gw.metrics.TopKCategoricalAccuracy(2, name="top2"))
    assert gw.metrics.get(config).get_config() == {"name": "top2", "k": 2}


def test_top_k_categorical_accuracy_refuses_a_k_below_one():
    with pytest.raises(ValueError, match="k: expected an integer >= 1, got 0"):
        gw.metrics.TopKCategoricalAccuracy(0)


def test_binary_accuracy_never_meets_a_soft_target_as_in_keras():
    outputs = np.array([[0.95, 0.05]], np.float32)
    for targets, accuracy in (((0.7, 0.2), 0), ((1.0, 0.2), 0.5), ((1.0, 0.0), 1)):
        found = evaluate("binary_accuracy", outputs, np.array([targets]), "binary_crossentropy")
        assert found == accuracy


# Keras' names of each class besides its own; the first one in snake_case.
NAMES = {
    "AUC": ("auc",),
    "Accuracy": ("accuracy",),
    "BinaryAccuracy": ("binary_accuracy",),
    "BinaryCrossentropy": ("binary_crossentropy", "bce", "BCE"),
    "BinaryIoU": ("binary_io_u",),
    "CategoricalAccuracy": ("categorical_accuracy",),
    "CategoricalCrossentropy": ("categorical_crossentropy",),
    "CategoricalHinge": ("categorical_hinge",),
    "ConcordanceCorrelation": ("concordance_correlation",),
    "CosineSimilarity": ("cosine_similarity",),
    "F1Score": ("f1_score",),
    "FBetaScore": ("f_beta_score",),
    "FalseNegatives": ("false_negatives",),
    "FalsePositives": ("false_positives",),
    "Hinge": ("hinge",),
    "IoU": ("io_u",),
    "KLDivergence": ("kl_divergence",),
    "LogCoshError": ("log_cosh_error",),
    "Mean": ("mean",),
    "MeanAbsoluteError": ("mean_absolute_error", "mae", "MAE"),
    "MeanAbsolutePercentageError": ("mean_absolute_percentage_error", "mape", "MAPE"),
    "MeanIoU": ("mean_io_u",),
    "MeanSquaredError": ("mean_squared_error", "mse", "MSE"),
    "MeanSquaredLogarithmicError": ("mean_squared_logarithmic_error", "msle", "MSLE"),
    "OneHotIoU": ("one_hot_io_u",),
    "OneHotMeanIoU": ("one_hot_mean_io_u",),
    "PearsonCorrelation": ("pearson_correlation",),
    "Poisson": ("poisson",),
    "Precision": ("precision",),
    "PrecisionAtRecall": ("precision_at_recall",),
    "R2Score": ("r2_score",),
    "Recall": ("recall",),
    "RecallAtPrecision": ("recall_at_precision",),
    "RootMeanSquaredError": ("root_mean_squared_error",),
    "SensitivityAtSpecificity": ("sensitivity_at_specificity",),
    "SparseCategoricalAccuracy": ("sparse_categorical_accuracy",),
    "SparseCategoricalCrossentropy": ("sparse_categorical_crossentropy",),
    "SparseTopKCategoricalAccuracy": ("sparse_top_k_categorical_accuracy",),
    "SpecificityAtSensitivity": ("specificity_at_sensitivity",),
    "SquaredHinge": ("squared_hinge",),
    "Sum": ("sum",),
    "TopKCategoricalAccuracy": ("top_k_categorical_accuracy",),
    "TrueNegatives": ("true_negatives",),
    "TruePositives": ("true_positives",),
}
UPWARDS = {"AUC", "CosineSimilarity", "F1Score", "FBetaScore", "Precision", "R2Score", "Recall"}
REQUIRED: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 2, "target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [1]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.6},
    "RecallAtPrecision": {"precision": 0.6},
    "SensitivityAtSpecificity": {"specificity": 0.6},
    "SpecificityAtSensitivity": {"sensitivity": 0.6},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "AUC": {"thresholds": [0.3, 0.6], "curve": "PR", "multi_label": True, "label_weights": [1, 0]},
    "BinaryAccuracy": {"threshold": 0.7},
    "BinaryCrossentropy": {"from_logits": True, "label_smoothing": 0.1},
    "BinaryIoU": {"target_class_ids": [1], "threshold": 0.6},
    "ConcordanceCorrelation": {"axis": 1},
    "F1Score": {"average": "macro", "threshold": 0.3},
    "FBetaScore": {"average": "micro", "beta": 0.5, "threshold": 0.3},
    "FalseNegatives": {"thresholds": [0.6, 0.2]},
    "IoU": {
        "num_classes": 2,
        "target_class_ids": [1],
        "ignore_class": 3,
        "sparse_y_true": False,
        "sparse_y_pred": False,
        "axis": 1,
    },
    "MeanIoU": {"num_classes": 2, "sparse_y_true": False, "sparse_y_pred": False},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0], "ignore_class": 3},
    "OneHotMeanIoU": {"num_classes": 2, "ignore_class": 0, "axis": 1},
    "PearsonCorrelation": {"axis": 1},
    "Precision": {"thresholds": 0.3, "class_id": 1, "top_k": 1},
    "PrecisionAtRecall": {"recall": 0.3, "num_thresholds": 9, "class_id": 1},
    "R2Score": {"class_aggregation": "variance_weighted_average", "num_regressors": 1},
    "RecallAtPrecision": {"precision": 0.3, "num_thresholds": 9, "class_id": 1},
    "SensitivityAtSpecificity": {"specificity": 0.3, "num_thresholds": 9, "class_id": 1},
    "SparseCategoricalCrossentropy": {"from_logits": True, "ignore_class": 0},
    "SparseTopKCategoricalAccuracy": {"k": 1, "from_sorted_ids": True},
    "SpecificityAtSensitivity": {"sensitivity": 0.3, "num_thresholds": 9, "class_id": 1},
    "TopKCategoricalAccuracy": {"k": 1},
}
TARGETS = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32)
OUTPUTS = np.array([[0.7, 0.3], [0.2, 0.8], [0.55, 0.45], [0.4, 0.6]], np.float32)


def arrays_of(name: str) -> list[np.ndarray]:
    if name in ("Mean", "Sum"):
        return [OUTPUTS]
    return [TARGETS.argmax(axis=1) if name.startswith("Sparse") else TARGETS, OUTPUTS]


@pytest.mark.parametrize("name", NAMES)
def test_each_name_of_keras_gives_the_metric(name: str) -> None:
    kind = getattr(gw.metrics, name)
    for each in (name, *NAMES[name]):
        if name in REQUIRED:
            assert kind(**REQUIRED[name]).name == NAMES[name][0]
            assert gw.metrics.registry.find(each) is kind
            continue
        assert type(gw.metrics.get(each)) is kind
        assert gw.metrics.get(each).name == each
    assert name in REQUIRED or type(gw.metrics.get(kind)) is kind


def test_no_name_is_left_out_here() -> None:
    known = {each for each in gw.metrics.__all__ if isinstance(getattr(gw.metrics, each), type)}
    assert known - NAMES.keys() == {"MeanMetricWrapper", "Metric", "MetricVariable", "RowMetric"}


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_restores_a_metric(name: str) -> None:
    settings = SETTINGS.get(name, {})
    metric = getattr(gw.metrics, name)(name="own", **settings)
    restored = gw.metrics.get(gw.metrics.serialize(metric))
    assert restored.get_config() == metric.get_config()
    assert metric.get_config().items() >= {"name": "own", **settings}.items()
    arrays = arrays_of(name)
    np.testing.assert_array_equal(restored(*arrays), metric(*arrays))


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_tells_which_way_is_better(name: str) -> None:
    metric = getattr(gw.metrics, name)(**REQUIRED.get(name, {}))
    unknown = name in ("Mean", "Sum") or name.endswith(("Positives", "Negatives"))
    upwards = name in UPWARDS or "At" in name or name.endswith(("Accuracy", "Correlation", "IoU"))
    assert metric.direction == (None if unknown else "up" if upwards else "down")


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_of_batches_is_that_of_all_rows(name: str) -> None:
    metric, whole = (getattr(gw.metrics, name)(**SETTINGS.get(name, {})) for _ in range(2))
    arrays = arrays_of(name)
    metric.update_state(*(each[:1] for each in arrays))
    metric.update_state(*(each[1:] for each in arrays))
    np.testing.assert_allclose(metric.result(), whole(*arrays), rtol=1e-12)
    metric.reset_state()
    np.testing.assert_array_equal(metric.result(), np.zeros(np.shape(whole.result())))


def test_arrays_without_an_axis_of_units_are_samples_of_one_unit() -> None:
    y_true, y_pred, weights = [1, 1, 0, 0], [0.98, 1, 0, 0.6], [1, 0, 0, 1]
    assert gw.metrics.BinaryAccuracy()(y_true, y_pred) == 0.75
    assert gw.metrics.BinaryAccuracy()(y_true, y_pred, sample_weight=weights) == 0.5
    assert gw.metrics.Accuracy()([[1], [2], [3]], [[0], [2], [3]], sample_weight=[1, 1, 0]) == 0.5
    assert gw.metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1], sample_weight=[0, 0, 1, 0]) == 1


def test_means_and_sums_weigh_values_of_samples() -> None:
    assert gw.metrics.Mean()([1, 3, 5, 7]) == 4
    assert gw.metrics.Mean()([1, 3, 5, 7], sample_weight=[1, 1, 0, 0]) == 2
    assert gw.metrics.Mean()(5) == 5
    assert gw.metrics.Mean()([[1, 3], [5, 7]], [1, 3]) == (2 * 1 + 6 * 3) / 4
    assert gw.metrics.Sum()([[1, 3], [5, 7]], [1, 3]) == 4 + 36
    mean = gw.metrics.MeanMetricWrapper(lambda t, p, scale: scale * (p - t), scale=2.0)
    assert mean(np.zeros(3), np.arange(3.0)) == 2


def test_a_label_that_is_no_class_is_not_among_the_largest() -> None:
    metric = gw.metrics.SparseTopKCategoricalAccuracy(2)
    assert metric([0, 2, -1, 1], OUTPUTS) == 0.5


def test_a_cross_entropy_leaves_out_an_ignored_class_if_weights_are_given() -> None:
    metric = gw.metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    expected = -np.log(OUTPUTS[0, 0])
    # As in Keras: without weights the ignored row counts as one of loss 0.
    assert metric([0, -1], OUTPUTS[:2]) == pytest.approx(expected / 2, rel=1e-6)  # float32
    metric.reset_state()
    assert metric([0, -1], OUTPUTS[:2], [1.0, 1.0]) == pytest.approx(expected, rel=1e-6)


def test_nan_is_above_no_threshold() -> None:
    outputs = np.array([np.nan, 0.9], np.float32)
    assert gw.metrics.TruePositives()([1, 1], outputs) == 1
    assert gw.metrics.TruePositives([0.0, 0.5, 1.0])([1, 1], outputs)[0] == 1


def test_a_score_of_rows_of_one_class_is_0() -> None:
    assert gw.metrics.R2Score()(np.ones((3, 1)), np.zeros((3, 1))) == 0
    assert gw.metrics.AUC()(np.ones(3), np.array([0.1, 0.5, 0.9])) == 0


def test_a_score_of_too_few_rows_is_not_adjusted() -> None:
    metric = gw.metrics.R2Score(num_regressors=3)
    metric.update_state([[0.0], [1.0], [2.0]], [[0.0], [1.0], [1.0]])
    with pytest.warns(UserWarning, match="num_regressors: expected less than the count of targets"):
        assert metric.result() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gw.metrics.AUC(dtype="float64"), TypeError, "AUC: dtype is not supported"),
        (lambda: gw.metrics.AUC(num_thresholds=1), ValueError, "num_thresholds: expected an int"),
        (lambda: gw.metrics.AUC(curve="DET"), ValueError, "curve: expected one of ROC, PR, PRG"),
        (lambda: gw.metrics.AUC(summation_method="x"), ValueError, "summation_method: expected"),
        (lambda: gw.metrics.AUC(thresholds=[2]), ValueError, "thresholds: expected a number in"),
        (lambda: gw.metrics.AUC(num_labels=2), ValueError, "num_labels: expected None without"),
        (
            lambda: gw.metrics.AUC(multi_label=True)([1, 0], [0.5, 0.1]),
            ValueError,
            r"AUC: expected predictions \(n, u\), got shape \(2,\)",
        ),
        (
            lambda: gw.metrics.AUC(multi_label=True, num_labels=3)(TARGETS, OUTPUTS),
            ValueError,
            r"AUC: expected predictions \(n, 3\), got \(n, 2\)",
        ),
        (lambda: gw.metrics.Precision(thresholds=1.5), ValueError, "thresholds: expected a num"),
        (lambda: gw.metrics.Precision(thresholds=[]), ValueError, "thresholds: expected at least"),
        (lambda: gw.metrics.Precision(top_k=0), ValueError, "top_k: expected an integer >= 1"),
        (
            lambda: gw.metrics.Precision(class_id=2)(TARGETS, OUTPUTS),
            ValueError,
            r"class_id: expected predictions \(n, u\) of more than 2 units, got shape \(4, 2\)",
        ),
        (
            lambda: gw.metrics.Recall()(TARGETS[:3], OUTPUTS),
            ValueError,
            r"y_true: expected the shape of y_pred, \(4, 2\)",
        ),
        (lambda: gw.metrics.F1Score("sum"), ValueError, "average: expected one of None, micro"),
        (lambda: gw.metrics.FBetaScore(beta=0), ValueError, "beta: expected a number > 0, got 0"),
        (
            lambda: gw.metrics.F1Score(threshold=0),
            ValueError,
            r"threshold: expected a number in \(",
        ),
        (
            lambda: gw.metrics.F1Score()([1, 0], [0.5, 0.1]),
            ValueError,
            r"F1Score: expected targets and predictions \(n, u\), got shapes \(2,\) and \(2,\)",
        ),
        (lambda: gw.metrics.R2Score("max"), ValueError, "class_aggregation: expected one of uni"),
        (lambda: gw.metrics.R2Score(num_regressors=-1), ValueError, "num_regressors: expected an"),
        (
            lambda: gw.metrics.R2Score()(np.zeros(3), np.zeros(3)),
            ValueError,
            r"R2Score: expected predictions \(n, u\), got shape \(3,\)",
        ),
        (lambda: gw.metrics.CosineSimilarity(axis=0), TypeError, "CosineSimilarity: axis is not"),
        (lambda: gw.metrics.BinaryAccuracy(threshold="a"), TypeError, "threshold: expected a num"),
        (
            lambda: gw.metrics.Mean()([1.0], [[1.0, 2.0]]),
            ValueError,
            r"sample_weight: expected at most the axes of the values, \(1,\), got \(1, 2\)",
        ),
        (lambda: gw.metrics.Mean()(["a"]), TypeError, "values: expected an array of float, int"),
        (
            lambda: gw.metrics.SparseCategoricalCrossentropy()([0, 3], OUTPUTS[:2]),
            ValueError,
            "y_true: expected labels from 0 to 1, got 3",
        ),
        (lambda: gw.metrics.Metric()(1), NotImplementedError, "Metric: expected a method update"),
        (lambda: gw.metrics.Metric().result(), NotImplementedError, "Metric: expected a method r"),
    ],
)
def test_wrong_settings_and_arrays_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
