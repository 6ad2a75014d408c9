"""How far apart the predictions of two models lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.data import is_iterable_of_batches
from gatewise.models.base import BaseModel


@dataclass(frozen=True)
class Comparison:
    """What `Model.compare` found over all rows and outputs.

    Parameters
    ----------
    largest_difference, mean_difference : float
        Of `|y - y_other|`, in the unit of the outputs.
    argmax_agreement : float in [0, 1]
        The share of rows whose largest output, the first of equal ones, is the same.
    """

    largest_difference: float
    mean_difference: float
    argmax_agreement: float

    def __str__(self) -> str:
        return (
            f"largest difference {self.largest_difference:.3g}, "
            f"mean {self.mean_difference:.3g}, same argmax in {self.argmax_agreement:.2%} of rows"
        )


def compare_models(model: BaseModel, other: object, x: Any, batch_size: int | None) -> Comparison:
    """See `Model.compare`."""
    as_model = getattr(other, "as_model", None)
    other = as_model() if as_model is not None else other
    if not isinstance(other, BaseModel):
        raise TypeError(f"other: expected a model or a layer, got {type(other).__name__}")
    if is_iterable_of_batches(x):
        raise TypeError(f"x: expected arrays, which both models can read, got {type(x).__name__}")
    first = model.predict(x, batch_size=batch_size, verbose=0)
    second = other.predict(x, batch_size=batch_size, verbose=0)
    for each in (first, second):
        if isinstance(each, list):
            raise ValueError(f"compare: expected models of one output, got {len(each)}")
    if first.shape != second.shape:
        raise ValueError(
            f"compare: expected outputs of one shape, got {first.shape} and {second.shape}"
        )
    difference = np.abs(first.astype(np.float64) - second)
    same = first.argmax(axis=-1) == second.argmax(axis=-1)
    return Comparison(float(difference.max()), float(difference.mean()), float(same.mean()))
