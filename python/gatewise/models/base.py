"""What every model has: a graph of layers, weights, training and a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from gatewise.io.model_file import model_from_bytes, model_to_bytes, save_model
from gatewise.io.saved import SavedModel
from gatewise.layers import Input, Layer
from gatewise.layers.names import automatic_name, check_name
from gatewise.layers.symbol import Symbol, as_symbols
from gatewise.models.graph import Graph
from gatewise.models.nested import NestedCall, nested_calls
from gatewise.models.subclasses import (
    check_arguments,
    constructor_arguments,
    create,
    has_own_constructor,
)
from gatewise.models.weights import ModelWeights
from gatewise.registry import Config
from gatewise.training import Trainable, pack
from gatewise.utils.checks import check_defaults, check_flag
from gatewise.utils.errors import NotBuiltError
from gatewise.utils.random import next_seed
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

if TYPE_CHECKING:
    import os

    from typing_extensions import Self


class BaseModel(ModelWeights, Trainable, SavedModel, RefusesUnusedHooks):
    """A graph of layers that can be trained and saved; `Model` adds how it is made.

    Attributes
    ----------
    name : str
        The model's name.
    """

    unused_hooks = hooks("connect layers with gw.Model(inputs, outputs)", "call") | hooks(
        "training runs in the core: use callbacks, or `train_on_batch` in a loop of your own",
        "train_step",
        "test_step",
        "predict_step",
        "compute_loss",
        "compute_metrics",
        "make_train_function",
        "make_test_function",
        "make_predict_function",
    )

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keeps the arguments of a user's constructor, which are the model's configuration."""
        model = super().__new__(cls)
        if has_own_constructor(cls):
            model._arguments = constructor_arguments(cls, args, kwargs)
        return model

    _arguments: Config | None = None
    nested_kind: ClassVar[str] = "Model"
    """The class that a file restores where the model lies within another."""
    input_keys: tuple[str, ...] | None = None
    """The names of the inputs of a model that was made from a dict of them."""

    def _start(self, name: str | None) -> None:
        Trainable.__init__(self)
        self.name = automatic_name(type(self)) if name is None else check_name(name)
        self._graph: Graph | None = None

    def _set_graph(self, graph: Graph) -> None:
        """Takes a graph of built layers as the model's own, and gives new layers their weights."""
        named: dict[str, Layer] = {}
        for layer in [*graph.input_layers(), *graph.layers()]:
            if named.setdefault(layer.name, layer) is not layer:
                raise ValueError(f"name: expected each layer's once in a model, got {layer.name!r}")
        state = self._state
        if state.seed is None:
            state.seed = next_seed()
        for index, layer in enumerate(graph.layers()):
            layer.draw_weights(state.seed, index)
        self._graph, state.network = graph, graph.network()

    def _drop_graph(self) -> None:
        """Leaves the model without a graph, as before it was built."""
        self._graph, self._state.network = None, None

    def _built_graph(self) -> Graph:
        if self._graph is None:
            raise NotBuiltError(
                f"{self.name}: expected a built model, got one without an input shape; "
                "fit it, call build(input_shape) or begin with Input"
            )
        return self._graph

    def _build_from_data(self, feature_shapes: Sequence[Sequence[int | None]]) -> None:
        """Builds a model that waits for its first data; one with inputs is built already."""

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Builds a model that waits for its input shape, `(None, ..., d)`."""
        self._build_from_data([input_shape])

    @property
    def built(self) -> bool:
        """Whether the input shapes are known and the parameters exist."""
        return self._state.network is not None

    @property
    def inputs(self) -> list[Symbol]:
        """The input symbols; ValueError if the model is not built."""
        return list(self._built_graph().inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The output symbols; ValueError if the model is not built."""
        return list(self._built_graph().outputs)

    @property
    def input(self) -> Any:
        """The input symbol, a list of them, or the dict that the model was made from."""
        return pack(self.inputs, self.input_keys)

    @property
    def output(self) -> Any:
        """The output symbol, a list of them, or the dict that the model was made from."""
        return pack(self.outputs, self.output_keys)

    @property
    def input_shape(self) -> Any:
        """The input's shape with None for the samples; a list where there are several."""
        return pack([symbol.shape for symbol in self.inputs], self.input_keys)

    @property
    def output_shape(self) -> Any:
        """The output's shape with None for the samples; a list where there are several."""
        return pack([symbol.shape for symbol in self.outputs], self.output_keys)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        if self.input_keys is not None:
            return list(self.input_keys)
        return _distinct([symbol.name for symbol in self.inputs])

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, made distinct by numbers; or the keys of
        the dict that the model was made from.
        """
        if self.output_keys is not None:
            return list(self.output_keys)
        return _distinct([symbol.name for symbol in self.outputs])

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order of their first call, input layers first."""
        graph = self._built_graph()
        return [*graph.input_layers(), *graph.layers()]

    @property
    def models(self) -> list[Any]:
        """The models within this one, whose layers are among its layers."""
        return [call.model for call in nested_calls(self._built_graph())]

    @property
    def trainable(self) -> bool:
        """Whether any layer is trained; set, it holds for all."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = check_flag("trainable", value)
        for layer in self.layers:
            layer.trainable = value

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Connects the model's layers to symbols, or computes as `predict_on_batch` does."""
        in_order = inputs
        if isinstance(inputs, Mapping) and all(isinstance(x, Symbol) for x in inputs.values()):
            if set(inputs) != set(self.input_names):
                raise ValueError(
                    f"{self.name}: expected inputs {', '.join(self.input_names)}; got "
                    f"{', '.join(map(str, inputs))}"
                )
            in_order = [inputs[name] for name in self.input_names]
        symbols = as_symbols(in_order, self.name, training)
        if symbols is None:
            return self.predict_on_batch(inputs)
        self._build_from_data([symbol.shape for symbol in symbols])
        graph = self._built_graph()
        if len(symbols) != len(graph.inputs):
            raise ValueError(
                f"{self.name}: expected {len(graph.inputs)} inputs, got {len(symbols)}"
            )
        outputs = graph.apply(symbols)
        call = NestedCall(self, tuple(symbols), tuple(outputs))
        call.mark()
        return pack(outputs, self.output_keys)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of this name, or at this place of `layers`; or the model within of this name.

        Raises
        ------
        ValueError
            There is none; or both or neither were given.
        """
        if (name is None) == (index is None):
            raise ValueError(f"name, index: expected one of them, got {name!r} and {index!r}")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"index: expected one of {len(layers)} layers, got {index}")
            return layers[index]
        named = [*layers, *(self.models if self.built else [])]
        for each in named:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in named)
        raise ValueError(f"name: expected one of {known}; got {name!r}")

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: None = None,
        include_optimizer: bool = True,
    ) -> None:
        """Writes the model to one file: layers, weights, compile settings and optimizer state.

        See `gw.load_model`, which reads it.

        Parameters
        ----------
        filepath : path
            Any name; `.gatewise` is the custom.
        overwrite : bool
            Whether a file that is there may be replaced.
        zipped : None
            Not supported.
        include_optimizer : bool
            If False, the file has no state of the optimizer (with Adam two thirds of all values):
            a training that goes on from it begins with new moments.

        Raises
        ------
        FileExistsError
            The file is there and `overwrite` is False.
        """
        save_model(self, filepath, overwrite, zipped, include_optimizer)

    def __reduce__(self) -> tuple[Any, ...]:
        return model_from_bytes, (model_to_bytes(self),)

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` creates an equal model.

        Of a subclass with a constructor of its own: the arguments that it was called with.

        Raises
        ------
        NotImplementedError
            Such an argument is no JSON value; the subclass then overrides this method.
        """
        if self._arguments is not None:
            return check_arguments(type(self), self._arguments)
        return self.layer_settings()

    @classmethod
    def from_config(cls, config: Config, custom_objects: None = None) -> Self:
        """A new model with the settings that `get_config` described, with new weights.

        Raises
        ------
        TypeError
            If `custom_objects` is given, which is not supported; or the settings are not the
            arguments of a subclass's constructor.
        """
        check_defaults("from_config", {"custom_objects": custom_objects}, {"custom_objects": None})
        if has_own_constructor(cls):
            model: Self = create(cls, config)
            return model
        return cls.from_layer_settings(config)

    def layer_settings(self) -> Config:
        """The configuration of the layers, also of a subclass that describes itself otherwise."""
        raise NotImplementedError

    def stored_settings(self, names: Collection[str], storage: Config) -> Config:
        """`layer_settings` of the model with these settings of storage for some layers."""
        config = self.layer_settings()
        for described in config["layers"]:
            if described["config"].get("name") in names:
                described["config"].update(storage)
        return config

    @classmethod
    def from_layer_settings(cls, config: Config) -> Self:
        """A new model with the layers that `layer_settings` described."""
        raise NotImplementedError

    def to_json(self, **options: Any) -> str:
        """The configuration as JSON text, which `gw.models.model_from_json` reads."""
        described = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(described, **options)


def input_for(shape: Sequence[int | None]) -> Symbol:
    """The input that an array of this shape enters by; `(n,)` is one feature per sample."""
    return Input(shape=tuple(shape[1:]) or (1,))


def _distinct(names: list[str]) -> list[str]:
    """`["dense", "dense"]` becomes `["dense", "dense_1"]`."""
    return [
        f"{name}_{count}" if (count := names[:index].count(name)) else name
        for index, name in enumerate(names)
    ]
