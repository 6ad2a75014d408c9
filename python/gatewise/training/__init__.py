"""Training, testing and predicting."""

from gatewise.training.collapse import RoutingCollapseWarning
from gatewise.training.feed import EndOfDataWarning
from gatewise.training.probabilities import OneClassWarning
from gatewise.training.target_scale import TargetScaleWarning
from gatewise.training.trainable import Trainable, pack

__all__ = [
    "EndOfDataWarning",
    "OneClassWarning",
    "RoutingCollapseWarning",
    "TargetScaleWarning",
    "Trainable",
    "pack",
]
