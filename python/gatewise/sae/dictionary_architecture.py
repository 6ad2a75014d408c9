"""The architecture of one wide layer, the dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.registry import Config
from gatewise.sae import csr_codes
from gatewise.sae.architecture import (
    ENCODE_BLOCK_ROWS,
    Architecture,
    copy_layer_parameters,
    largest_norm_indices,
)
from gatewise.sae.auto_rate import dictionary_rate
from gatewise.sae.center_and_scale import check_center
from gatewise.sae.dictionary_resampling import resample
from gatewise.sae.l1_penalty import default_l0
from gatewise.sae.sparse_dictionary import SparseDictionary
from gatewise.training.progress import Verbose
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from gatewise._core import Floats, Indices, Labels
    from gatewise.layers import Layer
    from gatewise.models.graph import Graph


DICTIONARY_SETTINGS = (
    *("activation", "threshold", "unit_norm", "tied", "subtract_bias", "prefixes", "auxk"),
    *("num_experts", "balance", "lazy_updates"),
)
"""Arguments that an autoencoder passes to its `SparseDictionary`, besides `latents`."""


class DictionaryArchitecture(Architecture):
    """One `SparseDictionary`; arguments as for `SparseAutoencoder`."""

    has_sparse_codes = True

    def __init__(
        self,
        latents: int,
        activation: Any = None,
        threshold: float = 0.0,
        center: bool | str | None = None,
        scale: bool | None = None,
        revive: bool | None = None,
        **dictionary: Any,
    ) -> None:
        self.center = "mean" if center is None else check_center(center)
        self.scale = True if scale is None else check_flag("scale", scale)
        self.revive = False if revive is None else check_flag("revive", revive)
        self._dictionary = SparseDictionary(
            latents,
            activation="top_k" if activation is None else activation,
            threshold=threshold,
            **{name: value for name, value in dictionary.items() if value is not None},
        )
        self.activation = self._dictionary.activation
        if self.revive and not self.activation.can_die:
            name = type(self.activation).__name__
            raise ValueError(f"revive: expected False with {name}, whose latents do not die")

    @property
    def code_layer(self) -> SparseDictionary:
        return self._dictionary

    def peak_rate(self, batch_size: int) -> float:
        active = self.activation.active_latents or default_l0(self.latents)
        width = self._dictionary.input_shape[-1]
        return dictionary_rate(batch_size, width, self.latents, active)

    @property
    def latents(self) -> int:
        return self._dictionary.latents

    def layers(self, width: int | None) -> list[Layer]:
        return [self._dictionary]

    @property
    def is_standardized(self) -> bool:
        return self._dictionary.is_standardized

    def standardize(self, center: Floats, scale: float) -> None:
        self._dictionary.standardize(center, scale)

    def reset_standardization(self) -> None:
        self._dictionary.reset_standardization()

    def encode(self, graph: Graph, rows: Any, refit: bool = False, verbose: Verbose = 0) -> Any:
        if refit and not self.activation.supports_refit:
            name = type(self.activation).__name__
            raise ValueError(f"refit: expected False with {name}, whose codes are not sparse")
        width = self._dictionary.input_shape[-1]
        native, latents = self._dictionary.native, self.latents
        return csr_codes.encode(native, rows, width, latents, ENCODE_BLOCK_ROWS, refit, verbose)

    def decode(self, graph: Graph, codes: Any) -> Floats:
        return csr_codes.decode(self._dictionary.native, codes, self.latents)

    def search(self, codes: Any, query: Any, k: int) -> tuple[Labels, Floats]:
        return csr_codes.search(self._dictionary, codes, query, k)

    @property
    def directions(self) -> Floats:
        return self._dictionary.native.get("decoder")

    def reinitialize_dead(
        self, graph: Graph, dead: Indices, rows: Floats, seed: int, step: int
    ) -> None:
        resample(self._dictionary, dead, rows, seed, step)

    def select_neurons(self, keep: Any, hidden: Any) -> list[Indices]:
        if hidden is not None:
            raise ValueError(
                f"hidden: expected None, a dictionary has no such layers; got {hidden!r}"
            )
        native = self._dictionary.native
        norms = np.linalg.norm(native.get("encoder"), axis=0)
        norms *= np.linalg.norm(native.get("decoder"), axis=1)
        kept = largest_norm_indices(norms, keep, "keep")
        if self._dictionary.num_experts > 1:
            raise ValueError("keep: expected a dictionary without experts, which have equal sizes")
        if self._dictionary.prefixes:
            raise ValueError(
                "keep: expected a dictionary without prefixes, which depend on indices"
            )
        self.activation.check(len(kept))
        return [kept]

    def prune_neurons(self, kept: list[Indices]) -> list[Layer]:
        old, latents = self._dictionary, self.latents
        config = {**old.get_config(), "latents": len(kept[0])}
        new = SparseDictionary.from_config(config)
        new.build(old.input_shape)
        values = {}
        for parameter in new.native.parameters():
            value = old.native.get(parameter.name)
            for axis, size in enumerate(parameter.shape):
                if size != value.shape[axis]:  # the axis of the latents
                    assert value.shape[axis] == latents
                    value = value.take(kept[0], axis)
            values[parameter.name] = value
        copy_layer_parameters(new, old, values)
        new.is_standardized = old.is_standardized
        self._dictionary = new
        return [new]

    def get_config(self) -> Config:
        config = self._dictionary.get_config()
        return {
            "latents": self.latents,
            **{name: config[name] for name in DICTIONARY_SETTINGS},
            "center": self.center or False,
            "scale": self.scale,
            "revive": self.revive,
            "layer_name": config["name"],
        }
