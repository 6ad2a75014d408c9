"""Common interface of the two architectures of an autoencoder: dictionary and stack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from gatewise.layers.storage import FLOAT32, StoredKernels
from gatewise.registry import Config
from gatewise.sae.training_data import Limits
from gatewise.training.progress import Verbose

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices, Labels
    from gatewise.layers import Layer
    from gatewise.models.graph import Graph
    from gatewise.sae.code_activation import CodeActivation

Keep: TypeAlias = "int | float"
"""How many to keep: a count, or a fraction if it is a float."""

ENCODE_BLOCK_ROWS = 1 << 16
"""Rows of a file that are encoded at once."""


class Architecture(ABC):
    """The layers of an autoencoder, and the operations on them other than training.

    Attributes
    ----------
    activation : CodeActivation
        f, from pre-activations to the code.
    center : str or None
        How c is computed from the first rows; None: c is 0.
    scale : bool
        Whether s is computed from the first rows; else it is 1.
    revive : bool
        Whether dead units of the code are re-initialised.
    limits : Limits
        Range of the outputs.
    storage : (str, int)
        Of the kernels, with the block size of int4; set before the layers are built.
    """

    has_sparse_codes: ClassVar[bool]
    """Whether few of the latents should be active in a row."""
    activation: CodeActivation
    storage = (FLOAT32, 0)
    center: str | None
    scale: bool
    revive: bool
    limits = Limits("linear")

    @property
    @abstractmethod
    def latents(self) -> int:
        """Size m of the code."""

    @abstractmethod
    def peak_rate(self, batch_size: int) -> float:
        """Largest rate of `optimizer="auto"`."""

    @abstractmethod
    def layers(self, width: int | None) -> list[Layer]:
        """The layers for rows of `width` values; empty if they depend on it and it is None."""

    def stored_layers(self, width: int | None) -> list[Layer]:
        """The layers, whose kernels have the storage of the architecture."""
        layers = self.layers(width)
        for layer in layers:
            if isinstance(layer, StoredKernels):
                layer.set_storage(*self.storage)
        return layers

    @property
    @abstractmethod
    def code_layer(self) -> Any:
        """The layer with the state `rows_since_active`: rows since each unit was last active."""

    @property
    @abstractmethod
    def is_standardized(self) -> bool:
        """Whether c and s are set, or the layers have none."""

    @abstractmethod
    def standardize(self, center: Floats, scale: float) -> None:
        """Sets c and s."""

    @abstractmethod
    def reset_standardization(self) -> None:
        """Undoes `standardize`."""

    @abstractmethod
    def encode(self, graph: Graph, rows: Any, refit: bool = False, verbose: Verbose = 0) -> Any:
        """The codes of rows as CSR; the settings as in `SparseAutoencoder.encode`."""

    @abstractmethod
    def decode(self, graph: Graph, codes: Any) -> Floats:
        """The reconstructions from codes, sparse or dense."""

    @abstractmethod
    def search(self, codes: Any, query: Any, k: int) -> tuple[Labels, Floats]:
        """See `SparseAutoencoder.search`."""

    @property
    def directions(self) -> Floats | None:
        """W_d `(m, d)`, whose rows are summed to reconstruct; None for a stack."""
        return None

    @abstractmethod
    def reinitialize_dead(
        self, graph: Graph, dead: Indices, rows: Floats, seed: int, step: int
    ) -> None:
        """Re-initialises dead units with random numbers of seed and step. Called if `revive`."""

    @abstractmethod
    def select_neurons(self, keep: Keep, hidden: Any) -> list[Indices]:
        """Indices of the neurons to keep in each layer that can be pruned. Changes nothing."""

    @abstractmethod
    def prune_neurons(self, kept: list[Indices]) -> list[Layer]:
        """Replaces the layers by built ones with the weights of the kept neurons; returns them."""

    @abstractmethod
    def get_config(self) -> Config:
        """The arguments of `SparseAutoencoder` that give this architecture."""


def copy_layer_parameters(new: Layer, old: Layer, values: dict[str, Floats]) -> None:
    """Copies the state of `old` to a built layer, with `values` for some of its parameters."""
    for parameter in new.native.parameters():
        value = values.get(parameter.name)
        value = old.native.get(parameter.name) if value is None else value
        new.native.set(parameter.name, np.require(value, np.float32, ["C", "A"]))
    if old.random_stream is not None:
        new.set_random_stream(*old.random_stream)
    new.trainable = old.trainable


def largest_norm_indices(norms: Floats, keep: object, name: str) -> Indices:
    """Indices of the neurons of largest norm, ascending; ties go to the lower index.

    Raises
    ------
    TypeError, ValueError
        `keep` is neither a count from 1 to `len(norms)` nor a fraction in (0, 1].
    """
    size = len(norms)
    expected = f"{name}: expected a count from 1 to {size} or a fraction in (0, 1], got {keep!r}"
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
