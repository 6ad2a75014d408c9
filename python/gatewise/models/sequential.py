"""Models that are one layer after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gatewise.io.saved import MODELS
from gatewise.layers import Input, InputLayer, Layer
from gatewise.layers.as_model import register_model
from gatewise.layers.base import LAYERS
from gatewise.layers.symbol import Symbol
from gatewise.models.base import input_for
from gatewise.models.functional import Model
from gatewise.models.graph import Graph
from gatewise.models.nested import NestedCall, consecutive_layers, nested_config, restore_nested
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults

if TYPE_CHECKING:
    from typing_extensions import Self


@register_model("of_layers")
@MODELS.register()
class Sequential(Model):
    """Layers one after the other, given as a list or added one by one.

    The model is built as soon as its input's shape is known: from an `Input` in front, from
    `input_shape` or `input_dim` of the first layer, or from the first data.

    Parameters
    ----------
    layers : list of Layer, optional
        An `Input` may be the first. A model whose layers are one after the other stands for its
        layers, and `get_layer` finds it by its name.
    name : str, optional
        Made unless given.

    Raises
    ------
    TypeError
        Something else than a layer was given, or an argument is not supported.
    ValueError
        Two layers have one name, or a layer cannot take what the one before it makes.

    Examples
    --------
    >>> import gatewise as gw
    >>> model = gw.Sequential([gw.layers.Dense(8, activation="relu", input_shape=(4,))])
    >>> model.add(gw.layers.Dense(2))
    >>> model.output_shape
    (None, 2)
    """

    nested_kind = "Sequential"

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        check_defaults("Sequential", {"trainable": trainable}, {"trainable": True})
        self._start(name)
        self._stack: list[Layer] = []
        self._groups: list[tuple[Model, int, int]] = []  # models: the first layer and the count
        self._input: Symbol | None = None
        for layer in layers or []:
            self._append(layer)
        self._connect()

    def add(self, layer: Any) -> None:
        """Puts a layer at the end; the model is rebuilt, the layers keep their weights.

        Raises
        ------
        TypeError
            It is no layer.
        ValueError
            Its name is in the model already, or it cannot take what the last layer makes.
        """
        before = (list(self._stack), self._input, list(self._groups))
        try:
            self._append(layer)
            self._connect()
        except (TypeError, ValueError):
            self._stack, self._input, self._groups = before
            self._connect()
            raise

    def pop(self) -> Layer:
        """Takes the last layer out and returns it.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self._stack:
            raise ValueError(f"{self.name}: expected a layer to take out, got an empty model")
        layer = self._stack.pop()
        self._groups = [each for each in self._groups if each[1] + each[2] <= len(self._stack)]
        self._connect()
        return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._stack)

    def layer_settings(self) -> Config:
        config: Config = {
            "name": self.name,
            "input": None if self._input is None else self._input.node.layer.get_config(),
            "layers": [LAYERS.serialize(layer) for layer in self._stack],
        }
        nested = nested_config(self._built_graph()) if self._groups and self.built else []
        return {**config, "models": nested} if nested else config

    @classmethod
    def from_layer_settings(cls, config: Config) -> Self:
        first = config["input"]
        layers: list[Any] = (
            []
            if first is None
            else [Input(tuple(first["shape"]), name=first["name"], dtype=first.get("dtype"))]
        )
        layers.extend(map(LAYERS.get, config["layers"]))
        model = cls(layers, name=config["name"])
        if "models" in config:
            for call in restore_nested(model._built_graph(), config["models"]):
                count = len(consecutive_layers(call.model) or ())
                symbols = [model._input, *(node.output for node in model._built_graph().nodes)]
                model._groups.append((call.model, symbols.index(call.inputs[0]), count))
        return model

    @classmethod
    def from_nested_settings(cls, config: Config, graph: Graph) -> Sequential:
        shape = graph.inputs[0].shape[1:]
        layers = [node.layer for node in graph.nodes]
        return Sequential([Input(shape), *layers], name=config["name"])

    def _build_from_data(self, feature_shapes: Sequence[Sequence[int | None]]) -> None:
        if self.built:
            return
        if not self._stack:
            raise ValueError(f"{self.name}: expected at least one layer, got none")
        if len(feature_shapes) != 1:
            raise ValueError(f"{self.name}: expected one input, got {len(feature_shapes)}")
        self._input = input_for(feature_shapes[0])
        try:
            self._connect()
        except ValueError:
            self._input = None
            raise

    def _append(self, layer: Any) -> None:
        if isinstance(layer, Symbol):
            layer = layer.node.layer
        if isinstance(layer, InputLayer):
            if self._stack or self._input is not None:
                raise ValueError(f"layers: expected the input first, got {layer.name!r} later")
            self._input = layer.output
        elif isinstance(layer, Model):
            self._extend(layer)
        elif not isinstance(layer, Layer):
            raise TypeError(f"layers: expected a layer, got {layer!r:.80}")
        elif any(layer.name == each.name for each in self._stack):
            raise ValueError(f"name: expected each layer's once in a model, got {layer.name!r}")
        else:
            self._stack.append(layer)

    def _extend(self, model: Model) -> None:
        layers = model.layers if isinstance(model, Sequential) else consecutive_layers(model)
        if layers is None:
            raise TypeError(
                f"layers: expected models of one layer after the other, got {model.name}; connect "
                "it by calling it: model(x)"
            )
        if model.built and not self._stack and self._input is None:
            first = model.inputs[0]
            is_input = isinstance(first.node.layer, InputLayer)
            self._input = first if is_input else Input(first.shape[1:])
        self._groups.append((model, len(self._stack), len(layers)))
        for layer in layers:
            self._append(layer)

    def _connect(self) -> None:
        """Builds the model if its input is known and there are layers; otherwise it waits."""
        self._drop_graph()
        if not self._stack:
            return
        first = self._stack[0]
        if self._input is None and first.declared_shape is not None:
            self._input = Input(first.declared_shape)
        if self._input is None:
            return
        symbols = [self._input]
        for layer in self._stack:
            symbols.append(layer.connect([symbols[-1]]))
        graph = Graph.trace([self._input], [symbols[-1]])
        for model, start, count in self._groups:
            if count:
                NestedCall(model, (symbols[start],), (symbols[start + count],)).mark()
        self._set_graph(graph)
        for model, start, _ in self._groups:
            if not model.built:  # after the weights were drawn by the seed of this model
                model.build(symbols[start].shape)
