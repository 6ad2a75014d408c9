"""The layers of a stacked autoencoder."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gatewise.layers import Dense, Layer
from gatewise.sae.code_layer import SparseCode
from gatewise.sae.forms import take_over
from gatewise.sae.units_layer import Units

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices
    from gatewise.layers.symbol import Shape


@dataclass
class Chain:
    """Dense layers down to the code and up again, between two `Units` where there are units.

    Parameters
    ----------
    sizes : sequence of int
        Units of the encoder's layers, the last one being the code's.
    width : int
        Values d of a row.
    code : SparseCode
        The layer between both halves.
    output_activation : str
        Of the last layer.
    has_units : bool
        Whether rows are centred or scaled.
    """

    sizes: Sequence[int]
    width: int
    code: SparseCode
    output_activation: str
    has_units: bool
    encoder: list[Dense] = field(init=False)
    decoder: list[Dense] = field(init=False)
    units: list[Units] = field(init=False)

    def __post_init__(self) -> None:
        *hidden, latents = self.sizes
        self.encoder = [_hidden("encoder", at, size) for at, size in enumerate(hidden, start=1)]
        self.encoder.append(Dense(latents, name=f"encoder_{len(hidden) + 1}"))
        mirror = enumerate(reversed(hidden), start=1)
        self.decoder = [_hidden("decoder", at, size) for at, size in mirror]
        last = f"decoder_{len(hidden) + 1}"
        self.decoder.append(Dense(self.width, activation=self.output_activation, name=last))
        self.units = []
        if self.has_units:
            self.units = [Units(name="units"), Units(inverse=True, name="units_back")]

    def layers(self) -> list[Layer]:
        """All of them, from the rows to their reconstruction."""
        first: list[Layer] = [*self.units[:1]]
        return [*first, *self.encoder, self.code, *self.decoder, *self.units[1:]]

    def norms(self) -> list[Floats]:
        """For each layer but the last one `|w_in| |w_out|` of its neurons."""
        kernels = [layer.native.get("kernel") for layer in (*self.encoder, *self.decoder)]
        return [
            np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=1)
            for before, after in itertools.pairwise(kernels)
        ]

    def shrunk(self, kept: Sequence[Indices]) -> Chain:
        """A built chain of the neurons `kept` of each layer but the last one."""
        sizes = [len(each) for each in kept[: len(self.encoder)]]
        code = SparseCode.from_config(self.code.get_config())
        chain = Chain(sizes, self.width, code, self.output_activation, self.has_units)
        shape: Shape = (None, self.width)
        for layer in chain.layers():
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        inputs, outputs = np.arange(self.width), np.arange(self.width)
        olds, news = (*self.encoder, *self.decoder), (*chain.encoder, *chain.decoder)
        for old, new, own in zip(olds, news, (*kept, outputs), strict=True):
            kernel, bias = old.native.get("kernel"), old.native.get("bias")
            take_over(new, old, {"kernel": kernel[inputs][:, own], "bias": bias[own]})
            inputs = own
        idle = self.code.native.get("idle_rows")[kept[len(self.encoder) - 1]]
        take_over(chain.code, self.code, {"idle_rows": idle})
        for before, after in zip(self.units, chain.units, strict=True):
            take_over(after, before, {})
            after.is_standardized = before.is_standardized
        return chain


def _hidden(half: str, number: int, size: int) -> Dense:
    return Dense(size, activation="relu", name=f"{half}_{number}")
