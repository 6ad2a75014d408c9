"""The form of several layers: Dense layers down to the code, and up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gatewise.data import convert, csr
from gatewise.models.graph import Graph
from gatewise.registry import Config
from gatewise.sae import activations
from gatewise.sae import codes as sparse_codes
from gatewise.sae.chain import Chain
from gatewise.sae.code_layer import SparseCode
from gatewise.sae.feeding import Limits
from gatewise.sae.forms import ENCODED_ROWS, Form, strongest
from gatewise.sae.reviving import revive_units
from gatewise.sae.units import check_center
from gatewise.training.predicting import BATCH_ROWS
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from gatewise import _core
    from gatewise._core import Floats, Indices, Labels
    from gatewise.layers import Layer

_LIMITS = {
    "linear": Limits("linear"),
    "relu": Limits("relu", low=0),
    "sigmoid": Limits("sigmoid", low=0, high=1),
}


class StackForm(Form):
    """Dense layers around a `SparseCode`; arguments as those of `SparseAutoencoder`."""

    def __init__(
        self,
        latents: int,
        hidden: Any,
        activation: Any = None,
        output_activation: str | None = None,
        threshold: float = 0.0,
        center: bool | str | None = None,
        scale: bool | None = None,
        revive: bool | None = None,
    ) -> None:
        self._hidden = _sizes(hidden)
        self._latents = check_integer("latents", latents, 1)
        self._code = SparseCode(
            "relu" if activation is None else activation, threshold, name="code"
        )
        self.activation = self._code.activation
        self.activation.check(self._latents)
        self.limits = _limits("linear" if output_activation is None else output_activation)
        self.center = check_center(center)
        self.scale = False if scale is None else check_flag("scale", scale)
        if self.limits.activation != "linear" and (self.center or self.scale):
            which = "center" if self.center else "scale"
            raise ValueError(
                f"{which}: expected False with output_activation={self.limits.activation!r}, "
                "which is for data in their own units; got {self.center or self.scale!r}"
            )
        able = self.activation.dies
        self.revive = able if revive is None else check_flag("revive", revive)
        if self.revive and not able:
            raise ValueError("revive: expected False with Identity, whose units do not die")
        self._chain: Chain | None = None
        self._networks: dict[str, _core.Network] = {}
        self._graph: Graph | None = None

    @property
    def latents(self) -> int:
        return self._latents

    @property
    def code_layer(self) -> SparseCode:
        return self._code

    def layers(self, width: int | None) -> list[Layer]:
        if self._chain is None and width is not None:
            sizes, activation = (*self._hidden, self._latents), self.limits.activation
            self._chain = Chain(sizes, width, self._code, activation, self._has_units())
        return [] if self._chain is None else self._chain.layers()

    def _has_units(self) -> bool:
        return self.center is not None or self.scale

    @property
    def is_standardized(self) -> bool:
        return all(each.is_standardized for each in self._built().units)

    def standardize(self, center: Floats, scale: float) -> None:
        for layer in self._built().units:
            layer.standardize(center, scale)
        self._tell_code(scale)

    def forget_units(self) -> None:
        for layer in self._built().units:
            layer.forget_units()
        self._tell_code(1.0)

    def encode(self, graph: Graph, rows: Any, refit: bool = False) -> Any:
        from scipy.sparse import csr_array, vstack

        if refit:
            raise ValueError("refit: expected False with a stack, whose units are no rows to add")
        if not len(rows):
            raise ValueError(f"x: expected at least one row, got an array {rows.shape}")
        network = self._network(graph, "encoder")
        parts = [
            csr_array(network.predict([convert.features(part, "x", shape, numbers)], BATCH_ROWS)[0])
            for part, numbers in _parts(rows)
            for shape in [(None, self._built().width)]
        ]
        return parts[0] if len(parts) == 1 else vstack(parts, format="csr")

    def decode(self, graph: Graph, codes: Any) -> Floats:
        network, shape = self._network(graph, "decoder"), (None, self._latents)
        if not csr.is_sparse(codes):
            dense = convert.features(convert.to_array(codes, "codes"), "codes", shape)
            return network.predict([dense], BATCH_ROWS)[0]
        matrix: Any = sparse_codes.to_codes(codes, "codes")
        csr.to_sparse_rows(matrix, "codes", shape)  # checks it
        parts = [
            network.predict([convert.to_float32(part.toarray(), "codes")], BATCH_ROWS)[0]
            for part, _ in _parts(matrix)
        ]
        return np.concatenate(parts)

    def search(self, codes: Any, query: Any, k: int) -> tuple[Labels, Floats]:
        if not csr.is_sparse(query):
            raise ValueError(
                "query: expected codes (a SciPy sparse matrix): a stack's reconstruction is no sum "
                f"of latents; encode the rows; got {type(query).__name__}"
            )
        return sparse_codes.search(cast("Any", self._code), codes, query, k)

    def start_anew(self, graph: Graph, dead: Indices, rows: Floats, seed: int, number: int) -> None:
        network = self._network(graph, "before_code")
        revive_units(self._built(), network, dead, rows, seed, number)

    def choose(self, keep: Any, hidden: Any) -> list[Indices]:
        several = isinstance(hidden, Sequence)
        keeps = list(hidden) if several else [1.0 if hidden is None else hidden] * len(self._hidden)
        if len(keeps) != len(self._hidden):
            raise ValueError(
                f"hidden: expected one number or share for each of {len(self._hidden)} layers, got "
                f"{hidden!r}"
            )
        names = ["hidden"] * len(keeps)
        each = zip(
            self._built().norms(),
            (*keeps, keep, *reversed(keeps)),
            (*names, "keep", *names),
            strict=True,
        )
        kept = [strongest(norms, count, name) for norms, count, name in each]
        self.activation.check(len(kept[len(keeps)]))
        return kept

    def shrink(self, kept: list[Indices]) -> list[Layer]:
        chain = self._built().shrunk(kept)
        *hidden, self._latents = chain.sizes
        self._hidden, self._chain, self._code = tuple(hidden), chain, chain.code
        return chain.layers()

    def get_config(self) -> Config:
        return {
            "latents": self._latents,
            "hidden": list(self._hidden),
            "activation": activations.CODE_ACTIVATIONS.serialize(self.activation),
            "output_activation": self.limits.activation,
            "threshold": self._code.threshold,
            "center": self.center or False,
            "scale": self.scale,
            "revive": self.revive,
        }

    def _built(self) -> Chain:
        if self._chain is None or not self._code.built:
            raise ValueError("autoencoder: expected a built model; fit it or give input_dim")
        return self._chain

    def _tell_code(self, scale: float) -> None:
        """Penalties are reported in the units of x."""
        chain = self._built()
        if chain.units:
            chain.code.native.set("scale", np.array([scale], np.float32))

    def _network(self, graph: Graph, name: str) -> _core.Network:
        """A part of the model in the core: up to the code, behind it, or up to what it is of."""
        if self._graph is not graph:
            chain = self._built()
            made = {node.layer: node.output for node in graph.nodes}
            code, before = made[chain.code], made[chain.encoder[-1]]
            self._networks = {
                "encoder": Graph.trace(graph.inputs, [code]).network(),
                "decoder": Graph.trace([code], graph.outputs).network(),
                "before_code": Graph.trace(graph.inputs, [before]).network(),
            }
            self._graph = graph
        return self._networks[name]


def _parts(rows: Any) -> Iterator[tuple[Any, range]]:
    """Stretches of rows, each with their numbers."""
    for start in range(0, rows.shape[0], ENCODED_ROWS):
        numbers = range(start, min(start + ENCODED_ROWS, rows.shape[0]))
        yield rows[start : numbers.stop], numbers


def _sizes(hidden: Any) -> tuple[int, ...]:
    if isinstance(hidden, str) or not isinstance(hidden, Sequence):
        raise TypeError(f"hidden: expected a tuple of sizes such as (100, 50), got {hidden!r}")
    return tuple(check_integer("hidden", size, 1) for size in hidden)


def _limits(output_activation: Any) -> Limits:
    if output_activation not in _LIMITS:
        known = ", ".join(_LIMITS)
        raise ValueError(f"output_activation: expected one of {known}; got {output_activation!r}")
    return _LIMITS[output_activation]
