"""Metrics, with the names and formulas of Keras.

Each is an object that adds batches, `update_state(y_true, y_pred, sample_weight)`, and gives the
`result` of all of them. `accuracy`, `regression`, `probabilistic` and `hinge` have means of a value
per row, which the core computes within a step; `confusion`, `constrained_rates`, `auc`, `iou` and
`f_score` what needs counts of all rows; `correlation` means of correlations; `reduction` means and
sums of given values, and of functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.losses import CROSSENTROPY_NAMES, Loss, crossentropy_for
from gatewise.losses.function import name_of
from gatewise.metrics.accuracy import (
    ACCURACY_NAMES,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from gatewise.metrics.base import Metric, MetricVariable, registry
from gatewise.metrics.reduction import Mean, MeanMetricWrapper, RowMetric, Sum
from gatewise.registry import Config
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.metrics.auc import AUC
    from gatewise.metrics.confusion import (
        FalseNegatives,
        FalsePositives,
        Precision,
        Recall,
        TrueNegatives,
        TruePositives,
    )
    from gatewise.metrics.constrained_rates import (
        PrecisionAtRecall,
        RecallAtPrecision,
        SensitivityAtSpecificity,
        SpecificityAtSensitivity,
    )
    from gatewise.metrics.correlation import (
        ConcordanceCorrelation,
        PearsonCorrelation,
        concordance_correlation,
        pearson_correlation,
    )
    from gatewise.metrics.f_score import F1Score, FBetaScore
    from gatewise.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
    from gatewise.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
    from gatewise.metrics.probabilistic import (
        BinaryCrossentropy,
        CategoricalCrossentropy,
        KLDivergence,
        Poisson,
        SparseCategoricalCrossentropy,
    )
    from gatewise.metrics.regression import (
        CosineSimilarity,
        LogCoshError,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        R2Score,
        RootMeanSquaredError,
    )

# Modules that are imported at the first use of one of their metrics, since import time is promised.
_LAZY = {
    "auc": "AUC",
    "confusion": ("FalseNegatives FalsePositives Precision Recall TrueNegatives TruePositives"),
    "constrained_rates": (
        "PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity"
    ),
    "correlation": (
        "ConcordanceCorrelation PearsonCorrelation concordance_correlation pearson_correlation"
    ),
    "f_score": "F1Score FBetaScore",
    "hinge": "CategoricalHinge Hinge SquaredHinge",
    "iou": "BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU",
    "probabilistic": (
        "BinaryCrossentropy CategoricalCrossentropy KLDivergence Poisson "
        "SparseCategoricalCrossentropy"
    ),
    "regression": (
        "CosineSimilarity LogCoshError MeanAbsoluteError "
        "MeanAbsolutePercentageError MeanSquaredError "
        "MeanSquaredLogarithmicError R2Score RootMeanSquaredError"
    ),
}
_MODULES = {name: module for module, names in _LAZY.items() for name in names.split()}
registry.register_late(
    {name: f"{__name__}.{at}" for name, at in _MODULES.items() if name[0].isupper()}
)
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _MODULES)

__all__ = [
    "ACCURACY_NAMES",
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "MetricVariable",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "RowMetric",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "concordance_correlation",
    "deserialize",
    "get",
    "get_for_output",
    "pearson_correlation",
    "registry",
    "serialize",
]


def get(identifier: object, argument: str = "metric") -> Metric:
    """The metric given by a name, a configuration, an instance, a class or a function.

    A given name becomes the metric's name: `get("mse").name == "mse"`.

    Parameters
    ----------
    identifier : str, dict, Metric, type or callable
        The user's value. A function `(y_true, y_pred) -> values (n,) or a number` becomes a
        `MeanMetricWrapper` of its name.
    argument : str, default "metric"
        Argument name for error messages.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.
    TypeError
        If `identifier` has another type.
    """
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier.from_config({})
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        function: Any = identifier
        return MeanMetricWrapper(function, name_of(function))
    metric = registry.get(identifier, argument)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def get_for_output(identifier: object, loss: Loss, units: int) -> Metric:
    """Like `get`, but general names become the metric that fits the loss and the output.

    `"accuracy"` and `"acc"` are an accuracy, as in Keras; `"crossentropy"` and `"ce"` the
    cross-entropy that Keras chooses for a loss of that name.

    Parameters
    ----------
    identifier : str, dict, Metric, type or callable
        The user's value.
    loss : Loss
        The output's loss.
    units : int
        The output's width.

    Raises
    ------
    ValueError
        Also if the metric does not accept the targets of the loss.
    """
    labels = loss.target == "labels"
    if isinstance(identifier, str) and identifier.lower() in ACCURACY_NAMES:
        many = SparseCategoricalAccuracy if labels else CategoricalAccuracy
        kind = BinaryAccuracy if units == 1 and not labels else many
        return kind(name=identifier)
    if isinstance(identifier, str) and identifier.lower() in CROSSENTROPY_NAMES:
        chosen: Any = registry.find(crossentropy_for(units, labels).kind)
        of_logits: Metric = chosen(name=identifier, from_logits=bool(loss.from_logits))
        return of_logits
    metric = get(identifier)
    if "any" not in (loss.target, metric.target) and labels != (metric.target == "labels"):
        fitting = "sparse_categorical_accuracy" if labels else "a metric of targets, not of labels"
        raise ValueError(
            f"metrics: expected {fitting} (or 'accuracy') with loss {loss.kind}, got "
            f"{metric.name!r}"
        )
    return metric


def deserialize(config: object, custom_objects: None = None) -> Metric:
    """The metric of a configuration that `serialize` returned, or of a name.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `config` is none of these, or `custom_objects` is given, which is not supported.
    """
    return registry.deserialize(config, custom_objects)


def serialize(metric: Metric) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `get` restores the metric.

    Raises
    ------
    TypeError
        If the metric is of a class that is not one of this module.
    """
    return registry.serialize(metric)


def __dir__() -> list[str]:
    return public_names(globals())
