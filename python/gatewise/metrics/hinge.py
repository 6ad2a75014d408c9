"""Metrics of margins: targets are -1 and 1, or 0 and 1.

`p_j` are the outputs of a row, `y_j` its targets.
"""

from __future__ import annotations

from gatewise.metrics.base import registry
from gatewise.metrics.reduction import RowMetric


@registry.register("hinge")
class Hinge(RowMetric):
    """Hinge loss: `mean_j max(1 - y_j p_j, 0)`; targets 0 and 1 are read as -1 and 1.

    Parameters
    ----------
    name : str, default "hinge"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "hinge"
    direction = "down"

    def __init__(self, name: str = "hinge", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("squared_hinge")
class SquaredHinge(RowMetric):
    """Squared hinge loss: `mean_j max(1 - y_j p_j, 0)^2`; targets 0 and 1 are read as -1 and 1.

    Parameters
    ----------
    name : str, default "squared_hinge"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "squared_hinge"
    direction = "down"

    def __init__(self, name: str = "squared_hinge", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("categorical_hinge")
class CategoricalHinge(RowMetric):
    """Hinge loss of one-hot rows: `max(1 + max_j (1 - y_j) p_j - sum_j y_j p_j, 0)`.

    Parameters
    ----------
    name : str, default "categorical_hinge"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "categorical_hinge"
    direction = "down"

    def __init__(self, name: str = "categorical_hinge", dtype: object = None) -> None:
        super().__init__(name, dtype)
