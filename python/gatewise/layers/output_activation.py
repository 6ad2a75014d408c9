"""The last activation of a layer, which may follow the loss of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import activations

if TYPE_CHECKING:
    from gatewise import _core

FOLLOWS_LOSS = "auto"
"""Linear, until `compile` gives the output a cross-entropy of probabilities."""


class OutputActivation:
    """The part of a layer that has `activation`.

    Attributes
    ----------
    activation : str
        Name of the activation that is computed.
    """

    activation: str
    _native: _core.Layer | None
    _follows_loss = False

    def _take_activation(self, identifier: str | None) -> None:
        """Sets the activation from the argument of the constructor."""
        self._follows_loss = identifier == FOLLOWS_LOSS
        self.activation = activations.get(None if self._follows_loss else identifier)

    @property
    def activation_setting(self) -> str:
        """The argument of the constructor."""
        return FOLLOWS_LOSS if self._follows_loss else self.activation

    def follow_loss(self, activation: str) -> bool:
        """Takes the activation that a loss expects, for good; False if one was given before."""
        if not self._follows_loss:
            return False
        if self._native is not None:
            self._native.set_output_activation(activation)
        self._follows_loss, self.activation = False, activation
        return True
