"""The architecture of a stack of Dense layers with the code in the middle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gatewise.data import convert, csr
from gatewise.models.graph import Graph
from gatewise.registry import Config
from gatewise.sae import activations, csr_codes
from gatewise.sae.architecture import ENCODE_BLOCK_ROWS, Architecture, largest_norm_indices
from gatewise.sae.auto_rate import stack_rate
from gatewise.sae.center_and_scale import check_center
from gatewise.sae.code_activation import CODE_ACTIVATIONS
from gatewise.sae.layer_stack import LayerStack
from gatewise.sae.sparse_code import SparseCode
from gatewise.sae.stack_reinitialization import reinitialize_units
from gatewise.sae.training_data import Limits
from gatewise.training.batch_rows import BATCH_ROWS
from gatewise.training.progress import Verbose, tracked
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


class StackedArchitecture(Architecture):
    """Dense layers around a `SparseCode`; arguments as for `SparseAutoencoder`."""

    has_sparse_codes = False

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
        chosen = activations.get("relu" if activation is None else activation)
        self._code = SparseCode(chosen.resolved(self._latents, stack=True), threshold, name="code")
        self.activation = self._code.activation
        self.activation.check(self._latents)
        self.limits = _limits("linear" if output_activation is None else output_activation)
        standardizes = self.activation.standardizes_stack and self.limits.activation == "linear"
        self.center = check_center(standardizes if center is None else center)
        self.scale = standardizes if scale is None else check_flag("scale", scale)
        if self.limits.activation != "linear" and (self.center or self.scale):
            which = "center" if self.center else "scale"
            raise ValueError(
                f"{which}: expected False with output_activation={self.limits.activation!r}, "
                f"which needs data that are not standardized; got {self.center or self.scale!r}"
            )
        can_die = self.activation.can_die
        self.revive = can_die if revive is None else check_flag("revive", revive)
        if self.revive and not can_die:
            raise ValueError("revive: expected False with Identity, whose units do not die")
        self._layer_stack: LayerStack | None = None
        self._networks: dict[str, _core.Network] = {}
        self._graph: Graph | None = None

    @property
    def latents(self) -> int:
        return self._latents

    @property
    def code_layer(self) -> SparseCode:
        return self._code

    def peak_rate(self, batch_size: int) -> float:
        return stack_rate(batch_size)

    def layers(self, width: int | None) -> list[Layer]:
        if self._layer_stack is None and width is not None:
            sizes, activation = (*self._hidden, self._latents), self.limits.activation
            self._layer_stack = LayerStack(
                sizes, width, self._code, activation, self._has_standardization()
            )
        return [] if self._layer_stack is None else self._layer_stack.layers()

    def _has_standardization(self) -> bool:
        return self.center is not None or self.scale

    @property
    def is_standardized(self) -> bool:
        return all(each.is_standardized for each in self._built().standardize_layers)

    def standardize(self, center: Floats, scale: float) -> None:
        for layer in self._built().standardize_layers:
            layer.standardize(center, scale)
        self._set_code_scale(scale)

    def reset_standardization(self) -> None:
        for layer in self._built().standardize_layers:
            layer.reset_standardization()
        self._set_code_scale(1.0)

    def encode(self, graph: Graph, rows: Any, refit: bool = False, verbose: Verbose = 0) -> Any:
        from scipy.sparse import csr_array, vstack

        if refit:
            raise ValueError("refit: expected False with a stack, which has no decoder rows")
        if not len(rows):
            raise ValueError(f"x: expected at least one row, got an array {rows.shape}")
        network, shape = self._network(graph, "encoder"), (None, self._built().width)
        blocks = (
            convert.features(part, "x", shape, row_range)
            for part, row_range in _row_blocks(rows, verbose)
        )
        parts = [
            csr_array(network.predict([block], BATCH_ROWS, checked=True)[0]) for block in blocks
        ]
        return parts[0] if len(parts) == 1 else vstack(parts, format="csr")

    def decode(self, graph: Graph, codes: Any) -> Floats:
        network, shape = self._network(graph, "decoder"), (None, self._latents)
        if not csr.is_sparse(codes):
            dense = convert.features(convert.to_array(codes, "codes"), "codes", shape)
            return network.predict([dense], BATCH_ROWS, checked=True)[0]
        matrix: Any = csr_codes.to_codes(codes, "codes")
        csr.to_sparse_rows(matrix, "codes", shape)  # only for its checks
        blocks = (convert.to_float32(part.toarray(), "codes") for part, _ in _row_blocks(matrix))
        parts = [network.predict([block], BATCH_ROWS, checked=True)[0] for block in blocks]
        return np.concatenate(parts)

    def search(self, codes: Any, query: Any, k: int) -> tuple[Labels, Floats]:
        if not csr.is_sparse(query):
            raise ValueError(
                "query: expected codes (a SciPy sparse matrix), since a stack's reconstruction is "
                f"not a sum of decoder rows; encode the rows; got {type(query).__name__}"
            )
        return csr_codes.search(cast("Any", self._code), codes, query, k)

    def reinitialize_dead(
        self, graph: Graph, dead: Indices, rows: Floats, seed: int, step: int
    ) -> None:
        network = self._network(graph, "before_code")
        reinitialize_units(self._built(), network, dead, rows, seed, step)

    def select_neurons(self, keep: Any, hidden: Any) -> list[Indices]:
        is_sequence = isinstance(hidden, Sequence)
        keeps = (
            list(hidden) if is_sequence else [1.0 if hidden is None else hidden] * len(self._hidden)
        )
        if len(keeps) != len(self._hidden):
            raise ValueError(
                f"hidden: expected one count or fraction for each of {len(self._hidden)} layers, "
                f"got {hidden!r}"
            )
        names = ["hidden"] * len(keeps)
        each = zip(
            self._built().norms(),
            (*keeps, keep, *reversed(keeps)),
            (*names, "keep", *names),
            strict=True,
        )
        kept = [largest_norm_indices(norms, count, name) for norms, count, name in each]
        self.activation.check(len(kept[len(keeps)]))
        return kept

    def prune_neurons(self, kept: list[Indices]) -> list[Layer]:
        layer_stack = self._built().pruned(kept)
        *hidden, self._latents = layer_stack.sizes
        self._hidden, self._layer_stack, self._code = tuple(hidden), layer_stack, layer_stack.code
        return layer_stack.layers()

    def get_config(self) -> Config:
        return {
            "latents": self._latents,
            "hidden": list(self._hidden),
            "activation": CODE_ACTIVATIONS.serialize(self.activation),
            "output_activation": self.limits.activation,
            "threshold": self._code.threshold,
            "center": self.center or False,
            "scale": self.scale,
            "revive": self.revive,
        }

    def _built(self) -> LayerStack:
        if self._layer_stack is None or not self._code.has_shape:
            raise ValueError("autoencoder: expected a built model; fit it or give input_dim")
        return self._layer_stack

    def _set_code_scale(self, scale: float) -> None:
        """Sets s of the code layer, so that penalties are reported on the scale of x."""
        layer_stack = self._built()
        if layer_stack.standardize_layers:
            layer_stack.code.native.set("scale", np.array([scale], np.float32))

    def _network(self, graph: Graph, name: str) -> _core.Network:
        """A network of the core: rows to code, code to rows, or rows to pre-activations."""
        if self._graph is not graph:
            layer_stack = self._built()
            layer_outputs = {node.layer: node.output for node in graph.nodes}
            code, before = layer_outputs[layer_stack.code], layer_outputs[layer_stack.encoder[-1]]
            self._networks = {
                "encoder": Graph.trace(graph.inputs, [code]).network(),
                "decoder": Graph.trace([code], graph.outputs).network(),
                "before_code": Graph.trace(graph.inputs, [before]).network(),
            }
            self._graph = graph
        return self._networks[name]


def _row_blocks(rows: Any, verbose: Verbose = 0) -> Iterator[tuple[Any, range]]:
    """Blocks of rows, each with its range of row indices."""
    for start in tracked(range(0, rows.shape[0], ENCODE_BLOCK_ROWS), "encode", verbose):
        row_range = range(start, min(start + ENCODE_BLOCK_ROWS, rows.shape[0]))
        yield rows[start : row_range.stop], row_range


def _sizes(hidden: Any) -> tuple[int, ...]:
    if isinstance(hidden, str) or not isinstance(hidden, Sequence):
        raise TypeError(f"hidden: expected a tuple of sizes such as (100, 50), got {hidden!r}")
    return tuple(check_integer("hidden", size, 1) for size in hidden)


def _limits(output_activation: Any) -> Limits:
    if output_activation not in _LIMITS:
        known = ", ".join(_LIMITS)
        raise ValueError(f"output_activation: expected one of {known}; got {output_activation!r}")
    return _LIMITS[output_activation]
