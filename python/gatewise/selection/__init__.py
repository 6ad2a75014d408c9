"""Feature selectors for scikit-learn pipelines (extra `select`)."""

from gatewise.selection.base import FeatureSelector
from gatewise.selection.choice import SelectorChoice, choose_selector
from gatewise.selection.clusters import DBSCANSelector, KMeansSelector
from gatewise.selection.graphs import BetweennessSelector, ComponentsSelector, PageRankSelector
from gatewise.selection.statistics import (
    LassoSelector,
    LogisticSelector,
    RidgeSelector,
    TTestSelector,
)
from gatewise.utils.public_names import public_names

__all__ = [
    "BetweennessSelector",
    "ComponentsSelector",
    "DBSCANSelector",
    "FeatureSelector",
    "KMeansSelector",
    "LassoSelector",
    "LogisticSelector",
    "PageRankSelector",
    "RidgeSelector",
    "SelectorChoice",
    "TTestSelector",
    "choose_selector",
]


def __dir__() -> list[str]:
    return public_names(globals())
