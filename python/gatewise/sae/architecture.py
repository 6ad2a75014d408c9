"""What the two forms of an autoencoder, one wide layer and a stack, do each in their own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gatewise.registry import Config
from gatewise.sae.training_data import Limits

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices, Labels
    from gatewise.layers import Layer
    from gatewise.models.graph import Graph
    from gatewise.sae.activations import CodeActivation

Keep: TypeAlias = "int | float"
"""How many to keep: their number, or as a float their share."""

ENCODE_BLOCK_ROWS = 1 << 16
"""Rows of a file that are encoded at a time."""


class Architecture(ABC):
    """The layers of an autoencoder, and what is done with them beside training.

    Attributes
    ----------
    activation : CodeActivation
        From pre-activations to the code.
    center : str or None
        Which point of the first rows c is; None: 0.
    scale : bool
        Whether the first rows decide s.
    revive : bool
        Whether dead units of the code are started anew.
    limits : Limits
        What the outputs can be.
    """

    activation: CodeActivation
    center: str | None
    scale: bool
    revive: bool
    limits = Limits("linear")

    @property
    @abstractmethod
    def latents(self) -> int:
        """Units of the code."""

    @abstractmethod
    def layers(self, width: int | None) -> list[Layer]:
        """The layers for rows of `width` values; none if they cannot be made before it is known."""

    @property
    @abstractmethod
    def code_layer(self) -> Any:
        """The layer whose state `idle_rows` counts for each unit the rows since it was active."""

    @property
    @abstractmethod
    def is_standardized(self) -> bool:
        """Whether `standardize` was called, or there is nothing to set."""

    @abstractmethod
    def standardize(self, center: Floats, scale: float) -> None:
        """Sets c and s."""

    @abstractmethod
    def reset_standardization(self) -> None:
        """Takes `standardize` back."""

    @abstractmethod
    def encode(self, graph: Graph, rows: Any, refit: bool = False) -> Any:
        """The codes of rows as CSR; `refit` as `SparseAutoencoder.encode` has it."""

    @abstractmethod
    def decode(self, graph: Graph, codes: Any) -> Floats:
        """The rows of codes, sparse or dense."""

    @abstractmethod
    def search(self, codes: Any, query: Any, k: int) -> tuple[Labels, Floats]:
        """See `SparseAutoencoder.search`."""

    @property
    def directions(self) -> Floats | None:
        """The rows (m, d) whose sums reconstructions are; None where they are no sums."""
        return None

    @abstractmethod
    def reinitialize_dead(
        self, graph: Graph, dead: Indices, rows: Floats, seed: int, step: int
    ) -> None:
        """Gives dead units new weights, which seed and step decide; called if `revive` is set."""

    @abstractmethod
    def select_neurons(self, keep: Keep, hidden: Any) -> list[Indices]:
        """The neurons to keep, of each layer that may lose some. Changes nothing."""

    @abstractmethod
    def prune_neurons(self, kept: list[Indices]) -> list[Layer]:
        """New layers that have the weights of what is kept, built; the form is then theirs."""

    @abstractmethod
    def get_config(self) -> Config:
        """The arguments of `SparseAutoencoder` that made the form."""


def copy_layer_parameters(new: Layer, old: Layer, values: dict[str, Floats]) -> None:
    """Makes a built layer go on as `old`, with `values` in place of some of its weights."""
    for parameter in new.native.parameters():
        value = values.get(parameter.name)
        value = old.native.get(parameter.name) if value is None else value
        new.native.set(parameter.name, np.ascontiguousarray(value, np.float32))
    if old.random_stream is not None:
        new.set_random_stream(*old.random_stream)
    new.trainable = old.trainable


def largest_norm_indices(norms: Floats, keep: object, name: str) -> Indices:
    """The neurons of largest norm in ascending order, ties to the lower ones.

    Raises
    ------
    TypeError, ValueError
        `keep` is neither a number from 1 to that of the neurons nor a share above 0.
    """
    size = len(norms)
    expected = f"{name}: expected a number from 1 to {size} or a share in (0, 1], got {keep!r}"
    if isinstance(keep, bool) or not isinstance(keep, int | float | np.number):
        raise TypeError(expected)
    if isinstance(keep, int | np.integer):
        count = int(keep)
        fits = 1 <= count <= size
    else:
        count = max(1, round(float(keep) * size)) if 0 < keep <= 1 else 0
        fits = count > 0
    if not fits:
        raise ValueError(expected)
    order = np.argsort(-norms, kind="stable")
    return np.sort(order[:count]).astype(np.int64)
