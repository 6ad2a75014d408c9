"""Public utilities: the random seed, data, pictures of models, and the session."""

from typing import TYPE_CHECKING

from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names
from gatewise.utils.py_dataset import PyDataset
from gatewise.utils.random import set_random_seed
from gatewise.utils.session import clear_session

if TYPE_CHECKING:
    from gatewise.utils.arrays import (
        normalize,
        pack_x_y_sample_weight,
        to_categorical,
        unpack_x_y_sample_weight,
    )
    from gatewise.utils.model_picture import plot_model
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "normalize": "arrays",
            "pack_x_y_sample_weight": "arrays",
            "plot_model": "model_picture",
            "to_categorical": "arrays",
            "unpack_x_y_sample_weight": "arrays",
        },
    )

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "set_random_seed",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset
"""Keras' older name."""


def __dir__() -> list[str]:
    return public_names(globals())
