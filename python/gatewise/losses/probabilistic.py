"""Cross-entropies, divergences and likelihoods.

`p_j` are the outputs of a row, clipped to [1e-7, 1 - 1e-7] where they are probabilities, `y_j` its
targets, `u` the unit count.
"""

from __future__ import annotations

import numpy as np

from gatewise.losses.arrays import Array, to_numbers
from gatewise.losses.base import Loss, registry
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults, check_flag, check_integer, check_number


class SmoothedCrossentropy(Loss):
    """Base class of cross-entropies with label smoothing."""

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        reduction: str | None,
        name: str,
        dtype: object,
    ) -> None:
        check_defaults(type(self).__name__, {"axis": axis}, {"axis": -1})
        super().__init__(name, reduction, dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0.0, 1.0)

    def native_options(self) -> Config:
        """The settings of the formula in the form that the core reads."""
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


@registry.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(SmoothedCrossentropy):
    """Independent binary units: `-mean_j (y_j log p_j + (1 - y_j) log(1 - p_j))`.

    Parameters
    ----------
    from_logits : bool, default False
        If True, the output is logits, to which a sigmoid is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / 2`.
    axis : int, default -1
        Only the last axis.
    reduction, dtype
        See `Loss`.
    name : str, default "binary_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`.
    ValueError
        If `label_smoothing` is outside its range.
    """

    kind = "binary_crossentropy"
    target = "probabilities"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: object = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


@registry.register("categorical_crossentropy")
class CategoricalCrossentropy(SmoothedCrossentropy):
    """One of `u` classes, with one-hot targets: `-sum_j y_j log p_j`.

    Unless `from_logits`, each output row is first divided by its sum, as in Keras.

    Parameters
    ----------
    from_logits : bool, default False
        If True, the output is logits, to which a softmax is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / u` (Szegedy et al. 2016).
    axis : int, default -1
        Only the last axis.
    reduction, dtype
        See `Loss`.
    name : str, default "categorical_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`.
    ValueError
        If `label_smoothing` is outside its range.

    References
    ----------
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, sec. 7.
    """

    kind = "categorical_crossentropy"
    target = "one_hot"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: object = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


@registry.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(Loss):
    """One of `u` classes, with the class index `c` as target: `-log p_c`.

    Parameters
    ----------
    from_logits : bool, default False
        If True, the output is logits, to which a softmax is applied; else probabilities.
    ignore_class : int, optional
        An index, also one that is no class, such as -1: rows with it have loss 0 and do not count
        in a mean.
    axis : int, default -1
        Only the last axis.
    reduction, dtype
        See `Loss`.
    name : str, default "sparse_categorical_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`, or an `ignore_class` that is not an integer.
    """

    kind = "sparse_categorical_crossentropy"
    target = "labels"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: object = None,
    ) -> None:
        check_defaults("SparseCategoricalCrossentropy", {"axis": axis}, {"axis": -1})
        super().__init__(name, reduction, dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        if ignore_class is not None:
            ignore_class = check_integer("ignore_class", ignore_class, np.iinfo(np.int32).min)
        self.ignore_class = ignore_class

    def native_options(self) -> Config:
        """The settings of the formula in the form that the core reads."""
        options: Config = {"from_logits": self.from_logits}
        if self.ignore_class is not None:
            options["ignore_class"] = self.ignore_class
        return options

    def counted_rows(self, y_true: object) -> Array | None:
        """The rows whose class is not ignored, as bool; None if none is ignored."""
        if self.ignore_class is None:
            return None
        counted: Array = to_numbers(y_true, "y_true") != self.ignore_class
        return counted


@registry.register("kl_divergence", "kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(Loss):
    """Divergence of Kullback and Leibler between distributions: `sum_j y_j log(y_j / p_j)`.

    Targets and outputs are clipped to [1e-7, 1].

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "kl_divergence"
        Name of the loss.
    """

    kind = "kl_divergence"
    target = "one_hot"
    from_logits = False

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "kl_divergence",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("poisson")
class Poisson(Loss):
    """Counts `y_j` of mean `p_j`, but for a constant: `mean_j (p_j - y_j log(p_j + 1e-7))`.

    Outputs must not be negative: an activation such as `"softplus"` or `"exponential"` sees to it.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "poisson"
        Name of the loss.
    """

    kind = "poisson"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "poisson",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
