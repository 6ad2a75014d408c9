"""Public utilities: the random seed."""

from gatewise.utils.random import set_random_seed

__all__ = ["set_random_seed"]
