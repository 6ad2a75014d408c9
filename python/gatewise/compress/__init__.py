"""Weights most of which are exactly zero: by first weights, by training, and what they save."""

from gatewise.compress.compressing import compress
from gatewise.compress.drop_and_grow import DropAndGrow
from gatewise.compress.initialize import initialize_sparse
from gatewise.compress.magnitude_pruning import MagnitudePruning

__all__ = ["DropAndGrow", "MagnitudePruning", "compress", "initialize_sparse"]
