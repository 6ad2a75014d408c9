"""Public utilities: the random seed, and a base class of data."""

from gatewise.utils.public_names import public_names
from gatewise.utils.py_dataset import PyDataset
from gatewise.utils.random import set_random_seed

__all__ = ["PyDataset", "set_random_seed"]


def __dir__() -> list[str]:
    return public_names(globals())
