"""Training, testing and predicting."""

from gatewise.training.collapse import RoutingCollapseWarning
from gatewise.training.trainable import Trainable

__all__ = ["RoutingCollapseWarning", "Trainable"]
