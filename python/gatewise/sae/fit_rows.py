"""The rows of a running `fit`, and the variance of its targets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from gatewise.sae.auto_rate import AutoRate
from gatewise.sae.training_data import Moments, WeightedRows
from gatewise.training.progress import Verbose


@dataclass
class FitRows:
    """What an autoencoder keeps during a call of `fit`.

    Attributes
    ----------
    rows : WeightedRows
        The training rows, or those of the first batch.
    targets, test_targets : WeightedRows or None
        Targets of training and of validation; None without validation.
    rate : AutoRate or None
        The plan of `optimizer="auto"` for this call.
    verbose : 0, 1, 2 or "auto"
        Whether passes over the rows show a bar.
    has_standardized : bool
        Whether this call set the centre and the scale.
    """

    rows: WeightedRows
    targets: WeightedRows
    test_targets: WeightedRows | None = None
    rate: AutoRate | None = None
    verbose: Verbose = 0
    has_standardized: bool = False
    _variances: dict[bool, float] = field(default_factory=dict)

    def set_scale(self, scale: float) -> None:
        """Takes the scale of the training rows about their mean, so that they are not read again.

        It is 1 for rows that are all equal.
        """
        if self.targets is self.rows and scale != 1:
            self._variances[False] = scale**-2 * self._mean_weight()

    def variance(self, test: bool) -> float:
        """The mean square per value of targets minus their mean, 0 for constant ones.

        Each row counts by its weight, and the sum is divided by the rows whose weight is not 0, as
        that of the loss is. Rounded to float32, so that a training that is resumed, and knows no
        scale, reports the same bits.
        """
        if test not in self._variances:
            rows = self.test_targets if test else self.targets
            self._variances[test] = (
                math.nan if rows is None else target_variance(rows, self.verbose)
            )
        return float(np.float32(self._variances[test]))

    def _mean_weight(self) -> float:
        """The mean of the weights that are not 0."""
        weights = self.rows.weights
        if weights is None:
            return 1.0
        return self.rows.total_weight() / int(np.count_nonzero(weights))


def target_variance(targets: WeightedRows, verbose: Verbose = 0) -> float:
    """See `FitRows.variance`; reads the rows once."""
    moments = Moments()
    for part, weights in targets.blocks(verbose):
        moments.add(part, weights)
    return moments.variance
