"""Targets of estimators: labels and values as what a model learns, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Doubles

_SMALLEST = 1e-38
"""Probabilities are at least this where their logarithm is taken."""


class LabelTargets:
    """Labels `(n,)` of C classes: a softmax over the sorted classes."""

    activation = "softmax"
    loss = "sparse_categorical_crossentropy"
    metrics = ("accuracy",)
    is_labels = True

    def fit(self, y: Any, classes: Any = None) -> Self:
        """Learns the classes, or takes those given."""
        self.classes = np.unique(y) if classes is None else np.unique(classes)
        self.outputs = max(2, len(self.classes))
        return self

    def keys(self, y: Any) -> Any:
        """Numbers by which rows can be sorted: indices of classes.

        Raises
        ------
        ValueError
            A label is unknown.
        """
        found = np.minimum(np.searchsorted(self.classes, y), len(self.classes) - 1)
        unknown = np.asarray(self.classes[found] != y)
        if unknown.any():
            raise ValueError(
                f"y: expected one of the classes {self.classes.tolist()}, "
                f"got {np.asarray(y)[unknown][0]!r}"
            )
        return found

    def encode(self, keys: Any) -> Any:
        """What the model's loss expects."""
        return keys.astype(np.int32)

    def probabilities(self, outputs: Any) -> Doubles:
        """Rows of probabilities `(n, C)` that sum to 1."""
        values = outputs[:, : len(self.classes)].astype(np.float64)
        result: Doubles = values / values.sum(axis=1, keepdims=True)
        return result

    def scores(self, outputs: Any) -> Doubles:
        """Log odds of the second of two classes; else logarithms of the probabilities."""
        result: Doubles = np.log(np.maximum(self.probabilities(outputs), _SMALLEST))
        if len(self.classes) == 2:
            result = result[:, 1] - result[:, 0]
        return result

    def decode(self, outputs: Any) -> Any:
        """The most probable class of each row."""
        return self.classes[self.probabilities(outputs).argmax(axis=1)]


class BinaryTargets(LabelTargets):
    """Two labels `(n,)` for a model of one output, the probability of the second."""

    activation = "sigmoid"
    loss = "binary_crossentropy"
    metrics = ("binary_accuracy",)

    def fit(self, y: Any, classes: Any = None) -> Self:
        super().fit(y, classes)
        self.outputs = 1
        return self

    def encode(self, keys: Any) -> Any:
        return keys.astype(np.float32)[:, np.newaxis]

    def probabilities(self, outputs: Any) -> Doubles:
        values = outputs[:, 0].astype(np.float64)
        result: Doubles = np.stack([1 - values, values], axis=1)
        return result


class MultilabelTargets:
    """Flags `(n, t)`, of which each may be 1: a sigmoid for each."""

    activation = "sigmoid"
    loss = "binary_crossentropy"
    metrics = ("binary_accuracy",)
    is_labels = True

    def fit(self, y: Any, classes: Any = None) -> Self:
        self.outputs = y.shape[1]
        self.classes = np.arange(self.outputs)
        return self

    def keys(self, y: Any) -> Any:
        if y.ndim != 2 or y.shape[1] != self.outputs:
            raise ValueError(f"y: expected flags (n, {self.outputs}), got shape {y.shape}")
        return np.asarray(y)

    def encode(self, keys: Any) -> Any:
        return keys.astype(np.float32)

    def probabilities(self, outputs: Any) -> Doubles:
        result: Doubles = outputs.astype(np.float64)
        return result

    def scores(self, outputs: Any) -> Doubles:
        values = np.maximum(outputs.astype(np.float64), _SMALLEST)
        result: Doubles = np.log(values) - np.log(np.maximum(1 - values, _SMALLEST))
        return result

    def decode(self, outputs: Any) -> Any:
        return (outputs > 0.5).astype(np.int64)


class ValueTargets:
    """Values `(n,)` or `(n, t)`, standardized by the rows of the training."""

    activation = None
    loss = "mse"
    metrics = ()
    is_labels = False
    mean: Any = 0.0
    scale: Any = 1.0

    def fit(self, y: Any, classes: Any = None) -> Self:
        """Learns the shape; `fit_scale` learns the scale."""
        self.is_column = y.ndim == 1
        self.outputs = 1 if self.is_column else y.shape[1]
        return self

    def keys(self, y: Any) -> Any:
        values = np.asarray(y, np.float64).reshape(len(y), -1)
        if values.shape[1] != self.outputs:
            raise ValueError(f"y: expected {self.outputs} columns, got {values.shape[1]}")
        return values

    def fit_scale(self, keys: Any, weight: Any) -> None:
        """Learns mean and deviation of each column, with the weights of rows."""
        self.mean = np.average(keys, axis=0, weights=weight)
        variance = np.average((keys - self.mean) ** 2, axis=0, weights=weight)
        self.scale = np.sqrt(np.where(variance > 0, variance, 1.0))

    def encode(self, keys: Any) -> Any:
        return ((keys - self.mean) / self.scale).astype(np.float32)

    def decode(self, outputs: Any) -> Doubles:
        values = outputs.astype(np.float64) * self.scale + self.mean
        result: Doubles = values[:, 0] if self.is_column else values
        return result


def label_targets(y: Any) -> LabelTargets | MultilabelTargets:
    """Targets for what a classifier was given; ValueError if these are no labels."""
    multiclass = import_extra("sklearn.utils.multiclass", "sklearn")
    multiclass.check_classification_targets(y)
    kind = multiclass.type_of_target(y)
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y: expected labels (n,) or flags (n, t), got several columns of more than two classes"
        )
    return MultilabelTargets() if kind == "multilabel-indicator" else LabelTargets()
