"""A graph as JSON values, and back."""

from __future__ import annotations

from gatewise.layers import Input, InputLayer
from gatewise.layers.base import LAYERS
from gatewise.layers.symbol import Symbol
from gatewise.models.graph import Graph, apply_calls
from gatewise.registry import Config


def functional_config(graph: Graph, name: str) -> Config:
    """The graph in indices: inputs first, then what each node makes.

    `nodes` holds for each call the layer's name and the indices of the values it reads.
    """
    return {
        "name": name,
        "inputs": [_describe_input(symbol) for symbol in graph.inputs],
        "layers": [LAYERS.serialize(layer) for layer in graph.layers()],
        "nodes": [{"layer": layer.name, "inputs": indices} for layer, indices in graph.calls()],
        "outputs": graph.output_indices(),
    }


def graph_from_config(config: Config) -> Graph:
    """A graph of new layers; ValueError or TypeError where the configuration is none."""
    inputs = [
        Input(shape=tuple(each["shape"]), name=each["name"], dtype=each.get("dtype"))
        for each in config["inputs"]
    ]
    layers = {layer.name: layer for layer in map(LAYERS.get, config["layers"])}
    calls = [(layers[node["layer"]], node["inputs"]) for node in config["nodes"]]
    return Graph.trace(inputs, apply_calls(calls, config["outputs"], inputs))


def _describe_input(symbol: Symbol) -> Config:
    described = {"name": _input_name(symbol), "shape": list(symbol.shape[1:])}
    return {**described, "dtype": symbol.dtype} if symbol.dtype != "float32" else described


def _input_name(symbol: Symbol) -> str:
    """An input in the midst of a larger graph gets another name than its layer, which may stay."""
    return symbol.name if isinstance(symbol.node.layer, InputLayer) else f"{symbol.name}_output"
