"""Routers, which choose the experts of each row. Each class describes a router of the core.

A new router needs a C++ file that registers its kind, a class here, and a test.
"""

from gatewise.routers.base import ROUTERS, Router, get
from gatewise.routers.constant import All, Static
from gatewise.routers.keys import Keys
from gatewise.routers.output_sum import OutputSum
from gatewise.routers.top_k import NoisyTopK, SigmoidTopK, Switch, TopK
from gatewise.utils.public_names import public_names

__all__ = [
    "ROUTERS",
    "All",
    "Keys",
    "NoisyTopK",
    "OutputSum",
    "Router",
    "SigmoidTopK",
    "Static",
    "Switch",
    "TopK",
    "get",
]


def __dir__() -> list[str]:
    return public_names(globals())
