"""Outputs of cross-entropies: activations that follow the loss, and warnings of wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatewise.data.convert import Floats
from gatewise.losses import Loss
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.layers.symbol import Symbol

# Rows of a softmax in float32 sum to 1 well within this.
_TOLERANCE = 1e-3


def wants_probabilities(loss: Loss, activation: str | None) -> bool:
    """Whether a loss takes probabilities from an output whose activation does not make them."""
    if loss.from_logits is not False:
        return False
    return activation not in ("softmax", "sigmoid")


def follow_losses(outputs: Sequence[Symbol], losses: Sequence[Loss]) -> list[str]:
    """Gives outputs with activation "auto" the one that their cross-entropy expects.

    Returns what was set, as sentences for the user.
    """
    said = []
    for symbol, loss in zip(outputs, losses, strict=True):
        layer = symbol.node.layer
        if loss.from_logits is not False or not hasattr(layer, "follow_loss"):
            continue
        activation = "sigmoid" if loss.target == "probabilities" else "softmax"
        if layer.follow_loss(activation):
            said.append(f"{layer.name}: activation={activation!r}, for loss {loss.kind}")
    return said


def warn_outputs(name: str, loss: Loss, activation: str | None, outputs: Floats) -> None:
    """Warns if some of `outputs` (n, ..., u) are no probabilities.

    Keras clips them to [1e-7, 1 - 1e-7] and says nothing; the gradient there is 0.
    """
    binary = loss.target == "probabilities"
    low, high = float(outputs.min()), float(outputs.max())
    sums = outputs.sum(axis=-1)
    is_unnormalized = not binary and bool(np.abs(sums - 1).max() > _TOLERANCE)
    if low >= 0 and high <= 1 and not is_unnormalized:
        return
    seen = f"values from {low:.3g} to {high:.3g}"
    if low >= 0 and high <= 1:
        seen = f"rows that sum to {float(sums.min()):.3g} to {float(sums.max()):.3g}"
    expected_activation = "sigmoid" if binary else "softmax"
    warn_user(
        f"loss: {loss.kind} expects probabilities, got {seen} from output {name!r} with activation "
        f"{activation or 'linear'!r}; they are clipped, as in Keras. Give the last layer "
        f"activation={expected_activation!r}, or the loss from_logits=True"
    )


def warn_double(name: str, loss: Loss, activation: str | None) -> None:
    """Warns if a loss that takes logits gets the result of a softmax or sigmoid."""
    if loss.from_logits and activation in ("softmax", "sigmoid"):
        warn_user(
            f"loss: {loss.kind} with from_logits=True expects what a softmax or sigmoid is given, "
            f"got output {name!r} with activation {activation!r}, which would be applied twice"
        )


class OneClassWarning(UserWarning):
    """An output of one unit, and a softmax or categorical cross-entropy: nothing is learned."""


def warn_one_class(name: str, loss: Loss, activation: str | None, units: int | None) -> None:
    """Warns if the loss of an output of one unit has no gradient."""
    if units != 1:
        return
    if loss.target in ("labels", "one_hot") and loss.kind.endswith("crossentropy"):
        seen = f"{loss.kind} of one class is always 0"
    elif activation == "softmax":
        seen = "a softmax of one unit is always 1"
    else:
        return
    warn_user(
        f"loss: output {name!r} has one unit, and {seen}: nothing is learned. Give the last layer "
        "activation='sigmoid' and the model loss='binary_crossentropy', or a unit for each class",
        OneClassWarning,
    )


def output_activations(outputs: Sequence[Symbol]) -> list[str | None]:
    """The activation with which the layer behind each output ends, if it has one."""
    found = [getattr(symbol.node.layer, "activation", None) for symbol in outputs]
    return [activation if isinstance(activation, str) else None for activation in found]
