"""Sparse weights: sparse initialization, pruning during training, and compressed layers."""

from gatewise.compress.compressing import compress
from gatewise.compress.drop_and_grow import DropAndGrow
from gatewise.compress.initialize import initialize_sparse
from gatewise.compress.magnitude_pruning import MagnitudePruning
from gatewise.utils.public_names import public_names

__all__ = ["DropAndGrow", "MagnitudePruning", "compress", "initialize_sparse"]


def __dir__() -> list[str]:
    return public_names(globals())
