"""Accuracies: fractions of units or samples that are classified correctly."""

from __future__ import annotations

import math

from gatewise.metrics.base import registry
from gatewise.metrics.reduction import RowMetric
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_integer, check_number

ACCURACY_NAMES = ("accuracy", "acc")
"""Names that select the accuracy by the loss and the output."""


@registry.register("accuracy")
class Accuracy(RowMetric):
    """Fraction of units that equal their target: `mean_j [p_j = y_j]`.

    The name `"accuracy"` in `compile` is not this class, but the accuracy that fits the loss.

    Parameters
    ----------
    name : str, default "accuracy"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "accuracy"
    direction = "up"
    of_units = True

    def __init__(self, name: str = "accuracy", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("binary_accuracy")
class BinaryAccuracy(RowMetric):
    """Fraction of units classified correctly: `mean_j [(p_j > threshold) = y_j]`.

    Parameters
    ----------
    name : str, default "binary_accuracy"
        Name of the metric.
    dtype
        Only None.
    threshold : float, default 0.5
        Above it a unit is predicted 1; 0 for logits.

    Raises
    ------
    TypeError
        If `threshold` is not a number.
    """

    kind = "binary_accuracy"
    direction = "up"
    of_units = True

    def __init__(
        self, name: str = "binary_accuracy", dtype: object = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = check_number("threshold", threshold, -math.inf)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        # Only what differs from the default: stored trainings of before know no threshold.
        return {} if self.threshold == 0.5 else {"threshold": self.threshold}


@registry.register("categorical_accuracy")
class CategoricalAccuracy(RowMetric):
    """Fraction of samples whose largest output has the index of the one-hot target's 1.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "categorical_accuracy"
    direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(RowMetric):
    """Fraction of samples whose largest output has the target class index.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "sparse_categorical_accuracy"
    target = "labels"
    direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("top_k_categorical_accuracy")
class TopKCategoricalAccuracy(RowMetric):
    """Fraction of samples whose target class is among the k largest outputs.

    That is, fewer than k outputs are greater than the one at the index of the one-hot target's 1.

    Parameters
    ----------
    k : int, default 5
        Count of outputs to consider, at least 1.
    name : str, default "top_k_categorical_accuracy"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If `k` is not an integer of at least 1.
    """

    kind = "top_k_categorical_accuracy"
    direction = "up"

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: object = None
    ) -> None:
        super().__init__(name, dtype)
        self.k = check_integer("k", k, 1)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"k": self.k}


@registry.register("sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(RowMetric):
    """Fraction of samples whose target class index is among those of the k largest outputs.

    Parameters
    ----------
    k : int, default 5
        Count of outputs to consider, at least 1.
    name : str, default "sparse_top_k_categorical_accuracy"
        Name of the metric.
    dtype
        Only None.
    from_sorted_ids : bool, default False
        If True, outputs are not scores but class indices, the best ones first.

    Raises
    ------
    TypeError, ValueError
        If `k` is not an integer of at least 1.
    """

    kind = "sparse_top_k_categorical_accuracy"
    target = "labels"
    direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: object = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.k = check_integer("k", k, 1)
        self.from_sorted_ids = check_flag("from_sorted_ids", from_sorted_ids)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"k": self.k, "from_sorted_ids": self.from_sorted_ids}
