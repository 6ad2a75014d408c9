"""A model's calls in an order in which they can run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatewise import _core
from gatewise.layers import InputLayer, Layer
from gatewise.layers.symbol import Node, Symbol


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """What lies between two lists of symbols.

    Values are numbered as the core indices them: first the inputs, then each node's output.
    """

    inputs: tuple[Symbol, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Symbol, ...]

    @classmethod
    def trace(cls, inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> Graph:
        """The graph from `inputs` to `outputs`.

        Raises
        ------
        ValueError
            An output needs an input that is not among `inputs`, or is an input that no layer
            reads; or an input is given twice.
        """
        known = {id(symbol) for symbol in inputs}
        if len(known) != len(inputs):
            raise ValueError("inputs: expected each symbol once, got one twice")
        nodes: list[Node] = []
        for output in outputs:
            nodes.extend(_nodes_before(output, known))
        # The core learns an input's width from the layers that read it.
        read = {id(symbol) for node in nodes for symbol in node.inputs}
        for output in outputs:
            if output in inputs and id(output) not in read:
                raise ValueError(
                    f"outputs: expected what a layer makes, got input {output.name!r}, "
                    "which no layer reads"
                )
        return cls(tuple(inputs), tuple(nodes), tuple(outputs))

    def layers(self) -> list[Layer]:
        """The layers that compute, each once, in the order of their first call."""
        return list(dict.fromkeys(node.layer for node in self.nodes))

    def input_layers(self) -> list[InputLayer]:
        """The layers behind the inputs; an input in the midst of a larger graph has none."""
        return [each.node.layer for each in self.inputs if isinstance(each.node.layer, InputLayer)]

    def calls(self) -> list[tuple[Layer, list[int]]]:
        """For each node its layer and the indices of the values it reads."""
        indices = self._value_indices()
        return [
            (node.layer, [indices[id(symbol)] for symbol in node.inputs]) for node in self.nodes
        ]

    def output_indices(self) -> list[int]:
        """The indices of the values that are the outputs."""
        indices = self._value_indices()
        return [indices[id(symbol)] for symbol in self.outputs]

    def apply(self, inputs: Sequence[Symbol]) -> list[Symbol]:
        """The outputs of the same calls made on other symbols."""
        return apply_calls(self.calls(), self.output_indices(), inputs)

    def network(self) -> _core.Network:
        """The graph in the core, over the layers' own parameters."""
        calls: list[tuple[_core.Layer, list[int]]] = []
        found = list(range(len(self.inputs)))  # in the core, of the values counted here
        for node, (layer, indices) in zip(self.nodes, self.calls(), strict=True):
            read = [found[index] for index in indices]
            for native in layer.natives([symbol.shape for symbol in node.inputs]):
                calls.append((native, read))
                read = [len(self.inputs) + len(calls) - 1]
            found.append(read[0])
        outputs = [found[index] for index in self.output_indices()]
        return _core.Network(len(self.inputs), calls, outputs)

    def _value_indices(self) -> dict[int, int]:
        symbols = [*self.inputs, *(node.output for node in self.nodes)]
        return {id(symbol): index for index, symbol in enumerate(symbols)}


def apply_calls(
    calls: Sequence[tuple[Layer, Sequence[int]]], outputs: Sequence[int], inputs: Sequence[Symbol]
) -> list[Symbol]:
    """Makes calls in order, from symbols by index, and gives the symbols numbered `outputs`."""
    symbols = list(inputs)
    for layer, indices in calls:
        symbols.append(layer.connect([symbols[index] for index in indices]))
    return [symbols[index] for index in outputs]


def _nodes_before(output: Symbol, known: set[int]) -> Iterator[Node]:
    """The nodes that make `output`, each after those it reads; those in `known` are left out.

    A stack of our own in place of recursion: a graph may be deeper than Python's.
    """
    stack: list[tuple[Symbol, bool]] = [(output, False)]
    while stack:
        symbol, ready = stack.pop()
        if id(symbol) in known:
            continue
        if isinstance(symbol.node.layer, InputLayer):
            raise ValueError(
                f"outputs: expected a graph that starts at the inputs, got one that also needs "
                f"input {symbol.name!r}"
            )
        if ready:
            known.add(id(symbol))
            yield symbol.node
            continue
        stack.append((symbol, True))
        stack.extend((each, False) for each in reversed(symbol.node.inputs))
