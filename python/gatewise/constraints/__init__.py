"""Constraints on weights.

Layers apply them after every update, before moving averages of weights. But for `KeepZeros`, each
is also a function of an array, as in Keras.
"""

from typing import TYPE_CHECKING

from gatewise.constraints.base import (
    CONSTRAINTS,
    Constraint,
    KeepZeros,
    deserialize,
    get,
    release,
    serialize,
)
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.constraints.arrays import (
        MaxNorm,
        MinMaxNorm,
        NonNeg,
        UnitNorm,
        max_norm,
        min_max_norm,
        non_neg,
        unit_norm,
    )

# Imported at first use, since import time is promised.
_ARRAYS = ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")
_SECOND = ("max_norm", "min_max_norm", "non_neg", "unit_norm")
_MODULES = dict.fromkeys((*_ARRAYS, *_SECOND), "arrays")
CONSTRAINTS.register_late(dict.fromkeys(_ARRAYS, f"{__name__}.arrays"))
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _MODULES)

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "KeepZeros",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "release",
    "serialize",
    "unit_norm",
]


def __dir__() -> list[str]:
    return public_names(globals())
