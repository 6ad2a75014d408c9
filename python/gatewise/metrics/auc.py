"""Areas under curves of rates at thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gatewise.losses.arrays import to_floats
from gatewise.metrics.base import Doubles, UnitMetric, registry
from gatewise.metrics.confusion import FourCounts, share
from gatewise.metrics.confusion_counts import are_even, confusion_counts
from gatewise.registry import Config
from gatewise.utils.checks import check_choice, check_flag, check_integer, check_number

_EPSILON = 1e-7
"""The first and last threshold lie by so much outside of [0, 1]."""


@registry.register("auc")
class AUC(FourCounts, UnitMetric):
    """Area under the curve of recall by false positive rate, or of precision by recall.

    Rows are counted at thresholds, so the area is exact for all rows of an epoch, but for the
    width of the thresholds.

    Parameters
    ----------
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1.
    curve : "ROC", "PR" or "PRGAIN", default "ROC"
        Recall by false positive rate; precision by recall; or their gains.
    summation_method : "interpolation", "minoring" or "majoring", default "interpolation"
        Areas between thresholds: of trapezoids (for PR interpolated as Davis and Goadrich do), or
        of the lower or higher rectangles.
    name : str, default "auc"
        Name of the metric.
    dtype
        Only None.
    thresholds : list of float in [0, 1], optional
        Used in place of `num_thresholds`, with one below 0 and one above 1.
    multi_label : bool, default False
        Whether each unit has its own area, of which the mean is taken; else all units of all rows
        are counted together.
    num_labels : int, optional
        Units, with `multi_label`.
    label_weights : list of float, optional
        Weights of the units: in the mean of their areas, or of their counts.
    from_logits : bool, default False
        If True, outputs are logits, to which a sigmoid is applied; else probabilities.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range, or arrays do not fit.

    References
    ----------
    Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves", ICML 2006;
    Flach and Kull, "Precision-Recall-Gain Curves: PR Analysis Done Right", NeurIPS 2015.
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: object = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        inner = None
        if thresholds is not None:
            inner = sorted(check_number("thresholds", each, 0.0, 1.0) for each in thresholds)
            num_thresholds = len(inner) + 2
        self.num_thresholds = check_integer("num_thresholds", num_thresholds, 2)
        self._given = inner
        parts = self.num_thresholds - 1
        inner = [each / parts for each in range(1, parts)] if inner is None else inner
        self.thresholds = [-_EPSILON, *inner, 1 + _EPSILON]
        self._are_even = are_even([0.0, *inner, 1.0]) or self._given is None
        self.curve = check_choice("curve", str(curve).upper(), ("ROC", "PR", "PRGAIN"))
        self.summation_method = check_choice(
            "summation_method",
            str(summation_method).lower(),
            ("interpolation", "minoring", "majoring"),
        )
        self.multi_label = check_flag("multi_label", multi_label)
        self.from_logits = check_flag("from_logits", from_logits)
        if num_labels is not None and not self.multi_label:
            raise ValueError(f"num_labels: expected None without multi_label, got {num_labels!r}")
        self.num_labels = num_labels and check_integer("num_labels", num_labels, 1)
        self.label_weights = (
            None if label_weights is None else to_floats(label_weights, "label_weights")
        )
        if self.num_labels:
            self.build(self.num_labels)

    def sums_shape(self, units: int) -> tuple[int, ...]:
        """The four counts at each threshold."""
        return 4, self.num_thresholds, units if self.multi_label else 1

    def four_counts(self) -> Any:
        """The counts (4, t) at thresholds, or (4, t, u) with `multi_label`."""
        sums = np.zeros(self.sums_shape(1)) if self.sums is None else self.sums
        return sums if self.multi_label else sums[..., 0]

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds the rows of a batch.

        Parameters
        ----------
        y_true : array (n, ..., u) or (n,)
            Targets; all but 0 are positive.
        y_pred : array (n, ..., u) or (n,)
            Probabilities, or logits.
        sample_weight : array (n, ...), optional
            Weights of samples, rows or units.
        """
        outputs = to_floats(y_pred, "y_pred")
        if self.from_logits:
            outputs = (1 / (1 + np.exp(-outputs))).astype(np.float32)
        if self.multi_label and outputs.ndim != 2:
            raise ValueError(f"AUC: expected predictions (n, u), got shape {outputs.shape}")
        self.build(outputs.shape[-1] if self.multi_label else 1)
        counts = confusion_counts(
            y_true,
            outputs,
            sample_weight,
            np.array(self.thresholds),
            unit_weights=None if self.multi_label else self.label_weights,
            by_unit=self.multi_label,
            has_margin=True,
            even=self._are_even,
        )
        self.add_sums(counts if self.multi_label else counts[..., np.newaxis])

    def result(self) -> np.float64:
        """The area, or the mean of the areas of the units; 0 of no rows."""
        if self.sums is None:
            return np.float64(0)
        areas = self._areas(*np.asarray(self.sums))
        if not self.multi_label or self.label_weights is None:
            return np.float64(areas.mean())
        weights = self.label_weights.astype(np.float64)
        return np.float64(share((areas * weights).sum(), weights.sum()))

    def _areas(self, tp: Doubles, fp: Doubles, tn: Doubles, fn: Doubles) -> Doubles:
        """The area of each unit (u,), from counts (t, u)."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_precision(tp, fp, fn)
        recall = share(tp, tp + fn)
        if self.curve == "ROC":
            x, y = share(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, share(tp, tp + fp)
        else:
            ratio = share(tp + fn, tn + fp)
            x = np.where(tp == 0, 0.0, np.maximum(1 - ratio * share(fn, tp), 0.0))
            y = np.where(tp == 0, 1.0, 1 - ratio * share(fp, tp))
        heights = {
            "interpolation": (y[:-1] + y[1:]) / 2,
            "minoring": np.minimum(y[:-1], y[1:]),
            "majoring": np.maximum(y[:-1], y[1:]),
        }[self.summation_method]
        areas: Doubles = ((x[:-1] - x[1:]) * heights).sum(axis=0)
        return areas

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        weights = self.label_weights
        return {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "thresholds": self._given,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if weights is None else weights.tolist(),
            "from_logits": self.from_logits,
        }


def _interpolated_precision(tp: Doubles, fp: Doubles, fn: Doubles) -> Doubles:
    """The area under precision by recall: between thresholds tp is linear in tp + fp."""
    positive = tp + fp
    d_tp, d_positive = tp[:-1] - tp[1:], np.maximum(positive[:-1] - positive[1:], 0)
    rise = share(d_tp, d_positive)
    offset = tp[1:] - rise * positive[1:]
    both = (positive[:-1] > 0) & (positive[1:] > 0)
    ratio = np.divide(positive[:-1], positive[1:], out=np.ones_like(d_tp), where=both)
    areas = share(rise * (d_tp + offset * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0))
    total: Any = areas.sum(axis=0)
    return np.asarray(total)
