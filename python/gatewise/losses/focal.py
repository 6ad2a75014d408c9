"""Focal cross-entropies, which weigh down what is classified well.

`p_j` are the outputs of a row, clipped to [1e-7, 1 - 1e-7], `y_j` its targets, `u` the unit count.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.losses.base import registry
from gatewise.losses.probabilistic import SmoothedCrossentropy
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_number, to_plain


@registry.register("binary_focal_crossentropy")
class BinaryFocalCrossentropy(SmoothedCrossentropy):
    """Binary cross-entropy of each unit times `(1 - q_j)^gamma`, and the mean over the units.

    `q_j = y_j p_j + (1 - y_j) (1 - p_j)` is the probability of the target.

    Parameters
    ----------
    apply_class_balancing : bool, default False
        Whether units are weighted by `alpha y_j + (1 - alpha) (1 - y_j)`.
    alpha : float, default 0.25
        Weight of targets 1; that of targets 0 is `1 - alpha`.
    gamma : float >= 0, default 2
        Exponent; 0 gives the cross-entropy.
    from_logits : bool, default False
        If True, the output is logits, to which a sigmoid is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / 2`.
    axis : int, default -1
        Only the last axis.
    reduction, dtype
        See `Loss`.
    name : str, default "binary_focal_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`.
    ValueError
        If `gamma` or `label_smoothing` is outside its range.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5.
    """

    kind = "binary_focal_crossentropy"
    target = "probabilities"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: object = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = check_flag("apply_class_balancing", apply_class_balancing)
        self.alpha = check_number("alpha", alpha, 0.0, 1.0)
        self.gamma = check_number("gamma", gamma, 0.0)

    def native_options(self) -> Config:
        """The settings of the formula in the form that the core reads."""
        return {
            **super().native_options(),
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }


@registry.register("categorical_focal_crossentropy")
class CategoricalFocalCrossentropy(SmoothedCrossentropy):
    """One of `u` classes, with one-hot targets: `-sum_j alpha_j (1 - p_j)^gamma y_j log p_j`.

    Unless `from_logits`, each output row is first divided by its sum, as in Keras.

    Parameters
    ----------
    alpha : float >= 0, or list of them, default 0.25
        Weight of all classes, or of each.
    gamma : float >= 0, default 2
        Exponent; 0 gives the weighted cross-entropy.
    from_logits : bool, default False
        If True, the output is logits, to which a softmax is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / u`.
    axis : int, default -1
        Only the last axis.
    reduction, dtype
        See `Loss`.
    name : str, default "categorical_focal_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`.
    ValueError
        If `alpha`, `gamma` or `label_smoothing` is outside its range.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5.
    """

    kind = "categorical_focal_crossentropy"
    target = "one_hot"

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: object = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        given = alpha.tolist() if hasattr(alpha, "tolist") else to_plain(alpha)
        self.alpha: float | list[float] = (
            [check_number("alpha", each, 0.0) for each in given]
            if isinstance(given, (list, tuple))
            else check_number("alpha", given, 0.0)
        )
        self.gamma = check_number("gamma", gamma, 0.0)

    def native_options(self) -> Config:
        """The settings of the formula in the form that the core reads."""
        options = {**super().native_options(), "gamma": self.gamma}
        if isinstance(self.alpha, list):
            return options | {f"alpha.{at}": each for at, each in enumerate(self.alpha)}
        return options | {"alpha": self.alpha}

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them."""
        config = super().get_config()
        own = {key: value for key, value in config.items() if not key.startswith("alpha")}
        return {**own, "alpha": self.alpha}
