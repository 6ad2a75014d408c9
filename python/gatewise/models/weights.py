"""A model's parameters: those of its layers, in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy.typing as npt

from gatewise.io.weights_file import load_weights, save_weights
from gatewise.layers.parameters import put_arrays
from gatewise.layers.variable import HasWeights

if TYPE_CHECKING:
    import os

    from gatewise._core import Floats
    from gatewise.layers import Layer
    from gatewise.layers.variable import Variable


class ModelWeights(HasWeights, ABC):
    """Reading, setting, counting and storing the parameters of a model's layers."""

    name: str

    @property
    @abstractmethod
    def layers(self) -> list[Layer]:
        """The layers in order."""

    @property
    def weights(self) -> list[Variable]:
        """The parameters of all layers, in the order of `get_weights`."""
        return [each for layer in self.layers for each in layer.weights]

    trainable_variables = HasWeights.trainable_weights
    variables = weights

    def get_weights(self) -> list[Floats]:
        """Copies of all layers' parameters in their natural shapes, layer after layer.

        Always float32; of kernels that are stored in fewer bytes the values they stand for.

        Raises
        ------
        ValueError
            The model is not built.
        """
        return [weight for layer in self.layers for weight in layer.get_weights()]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets all parameters, from arrays in the order and shapes of `get_weights`.

        Raises
        ------
        ValueError
            The model is not built, is quantized or compressed, or number or shapes of the arrays
            differ; nothing is set then.
        """
        put_arrays(self.layers, weights)

    def count_params(self) -> int:
        """How many numbers the parameters hold; ValueError if the model is not built."""
        return sum(layer.count_params() for layer in self.layers)

    def count_nonzero(self) -> int:
        """How many of them are not exactly zero; ValueError if the model is not built."""
        return sum(layer.count_nonzero() for layer in self.layers)

    def count_bytes(self) -> int:
        """How many bytes they take in memory, padding aside; ValueError if it is not built."""
        return sum(layer.count_bytes() for layer in self.layers)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes the parameters alone to one file.

        Raises
        ------
        ValueError
            The model is not built.
        FileExistsError
            The file is there and `overwrite` is False.
        """
        save_weights(self.layers, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Reads parameters that `save_weights` wrote, layer after layer; names may differ.

        Parameters
        ----------
        filepath : path
            The file.
        skip_mismatch : bool
            Whether layers whose parameters differ in name or shape keep theirs, with a warning.

        Raises
        ------
        ValueError
            The model is not built, the file is none or was altered, or its layers differ from the
            model's; nothing is set then.
        """
        load_weights(self.layers, filepath, skip_mismatch)
