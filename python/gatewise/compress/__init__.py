"""Sparse weights: models that hold, read and store no zeros."""

from gatewise.compress.compressing import compress

__all__ = ["compress"]
