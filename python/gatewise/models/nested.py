"""Models within a model: their layers are layers of the outer one, which knows both by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewise.io.saved import MODELS
from gatewise.models.graph import Graph
from gatewise.registry import Config

if TYPE_CHECKING:
    from gatewise.layers.symbol import Symbol


@dataclass(frozen=True, eq=False, repr=False)
class NestedCall:
    """One call of a model on symbols: what it read and what it made."""

    model: Any
    inputs: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]

    def mark(self) -> None:
        """Makes the call known to its nodes."""
        for node in Graph.trace(self.inputs, self.outputs).nodes:
            node.call = self


def nested_calls(graph: Graph) -> list[NestedCall]:
    """The calls of models that lie in a graph as a whole, the first of each model."""
    known = {id(symbol) for symbol in (*graph.inputs, *(node.output for node in graph.nodes))}
    first: dict[int, NestedCall] = {}
    for node in graph.nodes:
        call = node.call
        if call is not None and all(id(each) in known for each in (*call.inputs, *call.outputs)):
            first.setdefault(id(call.model), call)
    return list(first.values())


def nested_config(graph: Graph) -> list[Config]:
    """The models in a graph as JSON values; values are numbered as in `functional_config`."""
    symbols = [*graph.inputs, *(node.output for node in graph.nodes)]
    indices = {id(symbol): index for index, symbol in enumerate(symbols)}
    return [
        {
            "class_name": call.model.nested_kind,
            "name": call.model.name,
            "inputs": [indices[id(symbol)] for symbol in call.inputs],
            "outputs": [indices[id(symbol)] for symbol in call.outputs],
            "input_keys": call.model.input_keys,
            "output_keys": call.model.output_keys,
        }
        for call in nested_calls(graph)
    ]


def restore_nested(graph: Graph, described: Sequence[Config]) -> list[NestedCall]:
    """Gives a graph the models of `nested_config`."""
    symbols = [*graph.inputs, *(node.output for node in graph.nodes)]
    calls = []
    for each in described:
        inputs = tuple(symbols[index] for index in each["inputs"])
        outputs = tuple(symbols[index] for index in each["outputs"])
        cls: Any = MODELS.find(each["class_name"])
        model = cls.from_nested_settings(each, Graph.trace(inputs, outputs))
        call = NestedCall(model, inputs, outputs)
        call.mark()
        calls.append(call)
    return calls


def consecutive_layers(model: Any) -> list[Any] | None:
    """The layers of a built model that are one after the other; None if it has another form."""
    graph = Graph.trace(model.inputs, model.outputs)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    before = graph.inputs[0]
    for node in graph.nodes:
        if node.inputs != (before,):
            return None
        before = node.output
    return [node.layer for node in graph.nodes] if before is graph.outputs[0] else None
