"""The layers of a stacked autoencoder."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gatewise.layers import Dense, Layer
from gatewise.sae.architecture import copy_layer_parameters
from gatewise.sae.sparse_code import SparseCode
from gatewise.sae.standardize import Standardize

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices
    from gatewise.layers.symbol import Shape


@dataclass
class LayerStack:
    """Dense encoder layers, the code, Dense decoder layers; optionally `Standardize` at both ends.

    Parameters
    ----------
    sizes : sequence of int
        Units of the encoder's layers; the last is the size of the code.
    width : int
        Values d of a row.
    code : SparseCode
        The layer between encoder and decoder.
    output_activation : str
        Activation of the last layer.
    has_standardization : bool
        Whether rows are centred or scaled, by `Standardize` layers.
    """

    sizes: Sequence[int]
    width: int
    code: SparseCode
    output_activation: str
    has_standardization: bool
    encoder: list[Dense] = field(init=False)
    decoder: list[Dense] = field(init=False)
    standardize_layers: list[Standardize] = field(init=False)

    def __post_init__(self) -> None:
        *hidden, latents = self.sizes
        self.encoder = [
            _hidden("encoder", index, size) for index, size in enumerate(hidden, start=1)
        ]
        self.encoder.append(_dense(latents, None, f"encoder_{len(hidden) + 1}"))
        mirror = enumerate(reversed(hidden), start=1)
        self.decoder = [_hidden("decoder", index, size) for index, size in mirror]
        last = f"decoder_{len(hidden) + 1}"
        self.decoder.append(_dense(self.width, self.output_activation, last))
        self.standardize_layers = []
        if self.has_standardization:
            self.standardize_layers = [
                Standardize(name="standardize"),
                Standardize(inverse=True, name="unstandardize"),
            ]

    def layers(self) -> list[Layer]:
        """All layers, from the rows to their reconstruction."""
        first: list[Layer] = [*self.standardize_layers[:1]]
        return [*first, *self.encoder, self.code, *self.decoder, *self.standardize_layers[1:]]

    def norms(self) -> list[Floats]:
        """`|w_in| |w_out|` of the neurons of each layer but the last."""
        kernels = [layer.native.get("kernel") for layer in (*self.encoder, *self.decoder)]
        return [
            np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=1)
            for before, after in itertools.pairwise(kernels)
        ]

    def pruned(self, kept: Sequence[Indices]) -> LayerStack:
        """A new, built stack with only the neurons `kept` in each layer but the last."""
        sizes = [len(each) for each in kept[: len(self.encoder)]]
        code = SparseCode.from_config(self.code.get_config())
        layer_stack = LayerStack(
            sizes, self.width, code, self.output_activation, self.has_standardization
        )
        shape: Shape = (None, self.width)
        for layer in layer_stack.layers():
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        inputs, outputs = np.arange(self.width), np.arange(self.width)
        old_layers, new_layers = (
            (*self.encoder, *self.decoder),
            (*layer_stack.encoder, *layer_stack.decoder),
        )
        for old, new, columns in zip(old_layers, new_layers, (*kept, outputs), strict=True):
            kernel, bias = old.native.get("kernel"), old.native.get("bias")
            copy_layer_parameters(
                new, old, {"kernel": kernel[inputs][:, columns], "bias": bias[columns]}
            )
            inputs = columns
        idle = self.code.native.get("rows_since_active")[kept[len(self.encoder) - 1]]
        copy_layer_parameters(layer_stack.code, self.code, {"rows_since_active": idle})
        for before, after in zip(
            self.standardize_layers, layer_stack.standardize_layers, strict=True
        ):
            copy_layer_parameters(after, before, {})
            after.is_standardized = before.is_standardized
        return layer_stack


def _hidden(half: str, index: int, size: int) -> Dense:
    return _dense(size, "relu", f"{half}_{index}")


def _dense(size: int, activation: str | None, name: str) -> Dense:
    """A layer in float32, as all of autoencoders are."""
    return Dense(size, activation=activation, name=name, dtype="float32")
