"""Cross-entropies, divergences and likelihoods as metrics.

`p_j` are the outputs of a row, clipped to [1e-7, 1 - 1e-7] where they are probabilities, `y_j` its
targets.
"""

from __future__ import annotations

import numpy as np

from gatewise.losses.arrays import to_numbers
from gatewise.metrics.base import registry
from gatewise.metrics.reduction import RowMetric
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults, check_flag, check_integer, check_number


@registry.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(RowMetric):
    """Cross-entropy of binary units: `-mean_j (y_j log p_j + (1 - y_j) log(1 - p_j))`.

    Parameters
    ----------
    name : str, default "binary_crossentropy"
        Name of the metric.
    dtype
        Only None.
    from_logits : bool, default False
        If True, outputs are logits, to which a sigmoid is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / 2`.

    Raises
    ------
    ValueError
        If `label_smoothing` is outside its range.
    """

    kind = "binary_crossentropy"
    direction = "down"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: object = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0.0, 1.0)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


@registry.register("categorical_crossentropy")
class CategoricalCrossentropy(RowMetric):
    """Cross-entropy of one-hot rows: `-sum_j y_j log p_j`.

    Parameters
    ----------
    name : str, default "categorical_crossentropy"
        Name of the metric.
    dtype
        Only None.
    from_logits : bool, default False
        If True, outputs are logits, to which a softmax is applied; else probabilities, each row
        divided by its sum.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` of `u` becomes `y (1 - s) + s / u`.
    axis : int, default -1
        Only the last axis.

    Raises
    ------
    TypeError
        For another `axis`.
    ValueError
        If `label_smoothing` is outside its range.
    """

    kind = "categorical_crossentropy"
    direction = "down"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: object = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        check_defaults("CategoricalCrossentropy", {"axis": axis}, {"axis": -1})
        super().__init__(name, dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0.0, 1.0)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


@registry.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(RowMetric):
    """Cross-entropy of class indices `c`: `-log p_c`.

    Parameters
    ----------
    name : str, default "sparse_categorical_crossentropy"
        Name of the metric.
    dtype
        Only None.
    from_logits : bool, default False
        If True, outputs are logits, to which a softmax is applied; else probabilities.
    ignore_class : int, optional
        An index whose rows have the value 0. As in Keras, they count in the mean, unless sample
        weights are given.
    axis : int, default -1
        Only the last axis.

    Raises
    ------
    TypeError
        For another `axis`, or an `ignore_class` that is not an integer.
    """

    kind = "sparse_categorical_crossentropy"
    target = "labels"
    direction = "down"

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: object = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        check_defaults("SparseCategoricalCrossentropy", {"axis": axis}, {"axis": -1})
        super().__init__(name, dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        if ignore_class is not None:
            ignore_class = check_integer("ignore_class", ignore_class, np.iinfo(np.int32).min)
        self.ignore_class = ignore_class

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds the rows of a batch: class indices (...), and predictions (..., u)."""
        values = self.row_values(y_true, y_pred)
        if sample_weight is not None and self.ignore_class is not None:
            labels = to_numbers(y_true, "y_true").reshape(values.shape)
            weights = to_numbers(sample_weight, "sample_weight")
            weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
            sample_weight = weights * (labels != self.ignore_class)
        self.add_values(values, sample_weight)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        options: Config = {"from_logits": self.from_logits}
        if self.ignore_class is not None:
            options["ignore_class"] = self.ignore_class
        return options


@registry.register("kl_divergence")
class KLDivergence(RowMetric):
    """Divergence of Kullback and Leibler between distributions: `sum_j y_j log(y_j / p_j)`.

    Parameters
    ----------
    name : str, default "kl_divergence"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "kl_divergence"
    direction = "down"

    def __init__(self, name: str = "kl_divergence", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("poisson")
class Poisson(RowMetric):
    """Counts `y_j` of mean `p_j`, but for a constant: `mean_j (p_j - y_j log(p_j + 1e-7))`.

    Parameters
    ----------
    name : str, default "poisson"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "poisson"
    direction = "down"

    def __init__(self, name: str = "poisson", dtype: object = None) -> None:
        super().__init__(name, dtype)
