"""Models: any acyclic graph of layers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gatewise.layers import Input, Layer
from gatewise.layers.base import as_symbols
from gatewise.layers.names import automatic_name, check_name
from gatewise.layers.symbol import Symbol
from gatewise.models.comparing import Comparison, compare_models
from gatewise.models.graph import Graph
from gatewise.models.model_config import functional_config, graph_from_config
from gatewise.models.quantizing import quantized_model
from gatewise.models.summary import print_summary
from gatewise.models.weights import ModelWeights
from gatewise.registry import Config
from gatewise.training import Trainable
from gatewise.utils.checks import check_defaults, check_flag
from gatewise.utils.random import next_seed

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise import _core


class Model(ModelWeights, Trainable):
    """The graph of layers between input symbols and output symbols.

    Layers may be called more than once and may stand in several models, which then share their
    parameters: train `Model(inputs, outputs)` and read `Model(inputs, code)`.

    Parameters
    ----------
    inputs, outputs : Symbol or list of Symbol
        Where the graph begins and ends; a symbol in the midst of another graph may be an input.
    name : str, optional
        Made unless given.

    Raises
    ------
    TypeError
        Something else than symbols was given, or an argument is not supported.
    ValueError
        An output needs an input that is not among `inputs`.

    Notes
    -----
    `model(symbols)` connects the same layers to other symbols; `model(arrays)` computes as
    `predict_on_batch` does.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = gw.Input(shape=(4,))
    >>> code = gw.layers.Dense(2)(x)
    >>> autoencoder = gw.Model(x, gw.layers.Dense(4)(code))
    >>> encoder = gw.Model(x, code)
    >>> encoder(np.ones((3, 4))).shape
    (3, 2)
    """

    def __init__(
        self,
        inputs: Symbol | Sequence[Symbol],
        outputs: Symbol | Sequence[Symbol],
        name: str | None = None,
        **unsupported: object,
    ) -> None:
        check_defaults("Model", unsupported, {"trainable": True})
        self._start(name)
        graph = Graph.trace(_symbols("inputs", inputs), _symbols("outputs", outputs))
        self._set_graph(graph)

    def _start(self, name: str | None) -> None:
        Trainable.__init__(self)
        self.name = automatic_name(type(self)) if name is None else check_name(name)
        self._graph: Graph | None = None
        self._network: _core.Network | None = None
        self._seed: int | None = None

    def _set_graph(self, graph: Graph) -> None:
        """Takes a graph of built layers as the model's own, and gives new layers their weights."""
        named: dict[str, Layer] = {}
        for layer in [*graph.input_layers(), *graph.layers()]:
            if named.setdefault(layer.name, layer) is not layer:
                raise ValueError(f"name: expected each layer's once in a model, got {layer.name!r}")
        if self._seed is None:
            self._seed = next_seed()
        for index, layer in enumerate(graph.layers()):
            layer.draw_weights(self._seed, index)
        self._graph, self._network = graph, graph.network()

    def _built_graph(self) -> Graph:
        if self._graph is None:
            raise ValueError(
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
        return self._network is not None

    @property
    def inputs(self) -> list[Symbol]:
        """The input symbols; ValueError if the model is not built."""
        return list(self._built_graph().inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The output symbols; ValueError if the model is not built."""
        return list(self._built_graph().outputs)

    @property
    def input_shape(self) -> Any:
        """The input's shape with None for the samples; a list where there are several."""
        return _single([symbol.shape for symbol in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The output's shape with None for the samples; a list where there are several."""
        return _single([symbol.shape for symbol in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return _distinct([symbol.name for symbol in self.inputs])

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, made distinct by numbers."""
        return _distinct([symbol.name for symbol in self.outputs])

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order of their first call, input layers first."""
        graph = self._built_graph()
        return [*graph.input_layers(), *graph.layers()]

    @property
    def trainable(self) -> bool:
        """Whether any layer is trained; set, it holds for all."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        check_flag("trainable", value)
        for layer in self.layers:
            layer.trainable = value

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Connects the model's layers to symbols, or computes as `predict_on_batch` does."""
        symbols = as_symbols(inputs, self.name, training)
        if symbols is None:
            return self.predict_on_batch(inputs)
        self._build_from_data([symbol.shape for symbol in symbols])
        graph = self._built_graph()
        if len(symbols) != len(graph.inputs):
            raise ValueError(
                f"{self.name}: expected {len(graph.inputs)} inputs, got {len(symbols)}"
            )
        return _single(graph.apply(symbols))

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this place of `layers`.

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
        for layer in layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in layers)
        raise ValueError(f"name: expected one of {known}; got {name!r}")

    def summary(
        self,
        line_length: int | None = None,
        positions: None = None,
        print_fn: Callable[[str], object] | None = None,
    ) -> None:
        """Prints a table: each layer, its output's shape, its parameters, how many are not zero.

        Parameters
        ----------
        line_length : int, optional
            Width of the rules; that of the table unless given.
        positions : None
            Not supported.
        print_fn : callable, optional
            Called with the whole text in place of printing it.
        """
        check_defaults("summary", {"positions": positions}, {"positions": None})
        print_summary(self, line_length, print_fn or print)

    def quantize(self, kind: str) -> Self:
        """A new model for prediction, with its experts' kernels in 2 or 1 byte a value.

        `"bfloat16"` rounds each weight to its 8 leading binary digits; sums stay float32.
        `"int8"` stores `w = q s_j` with whole `q` from -127 to 127 and `s_j` the scale of an output
        column, `max_i |w_ij| / 127`; at prediction each row x becomes whole numbers likewise,
        `x = p t`, and `y_j = t s_j sum_i p_i q_ij + b_j`, the sum exact. Rounding is to nearest,
        ties to even. Routers, biases and other layers keep float32.

        Parameters
        ----------
        kind : str
            `"bfloat16"` or `"int8"`.

        Returns
        -------
        Model
            Of the same class, compiled likewise, with copies of all weights. `fit` and
            `set_weights` on it are refused; `evaluate` leaves out weight penalties; `get_weights`
            gives what the kernels stand for, in float32.

        Raises
        ------
        ValueError
            `kind` is another; the model is not built, holds no SparseExpertLayer or is quantized
            already; a weight is not finite; or an int8 kernel has more than 132,104 rows, beyond
            which 32 bits might not hold the sums.

        Notes
        -----
        A weight is off by at most 0.2 % of itself in bfloat16, and by 0.4 % of its column's largest
        in int8; `compare` tells what that does to predictions. The same bits on any number of
        threads and in any batch, as always.

        References
        ----------
        Jacob et al. 2018, "Quantization and training of neural networks for efficient
        integer-arithmetic-only inference", section 2; scales per column and row as in Dettmers et
        al. 2022, "LLM.int8()", section 2.

        Examples
        --------
        >>> import gatewise as gw, numpy as np
        >>> x = np.random.default_rng(0).random((50, 8))
        >>> model = gw.Sequential([gw.Input(shape=(8,)), gw.SparseExpertLayer(16)])
        >>> model.compare(model.quantize("bfloat16"), x).largest_difference < 0.02
        True
        """
        return quantized_model(self, kind)

    def compare(self, other: Any, x: Any, batch_size: int | None = None) -> Comparison:
        """How far another model's predictions lie from this one's.

        Parameters
        ----------
        other : Model or Layer
            With outputs of the same shape, as `quantize` gives it.
        x : array (n, ..., d), path, list or dict
            See `predict`; no iterator, since both models read it.
        batch_size : int, optional
            Samples computed at a time.

        Returns
        -------
        Comparison
            Largest and mean difference, and the share of rows whose argmax over the last axis is
            the same.

        Raises
        ------
        TypeError
            `other` is no model, or x an iterator.
        ValueError
            The models have several outputs, or outputs of different shapes; or see `predict`.
        """
        return compare_models(self, other, x, batch_size)

    def get_config(self) -> Config:
        """The graph and its layers' settings as JSON values; `from_config` makes an equal model."""
        return functional_config(self._built_graph(), self.name)

    @classmethod
    def from_config(cls, config: Config, custom_objects: None = None) -> Self:
        """A new model of the graph that `get_config` described, with new weights."""
        check_defaults("from_config", {"custom_objects": custom_objects}, {"custom_objects": None})
        graph = graph_from_config(config)
        return cls(graph.inputs, graph.outputs, name=config["name"])

    def to_json(self, **options: Any) -> str:
        """The configuration as JSON text, which `gw.models.model_from_json` reads."""
        described = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(described, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        from gatewise.io.model_file import model_from_bytes, model_to_bytes

        return model_from_bytes, (model_to_bytes(self),)


def input_for(shape: Sequence[int | None]) -> Symbol:
    """The input that an array of this shape enters by; `(n,)` is one feature per sample."""
    return Input(shape=tuple(shape[1:]) or (1,))


def _symbols(name: str, given: Symbol | Sequence[Symbol]) -> list[Symbol]:
    several = given if isinstance(given, list | tuple) else [given]
    symbols = [symbol for symbol in several if isinstance(symbol, Symbol)]
    if not symbols or len(symbols) < len(several):
        raise TypeError(f"{name}: expected a symbol or a list of symbols, got {given!r}")
    return symbols


def _single(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _distinct(names: list[str]) -> list[str]:
    """`["dense", "dense"]` becomes `["dense", "dense_1"]`."""
    return [
        f"{name}_{count}" if (count := names[:index].count(name)) else name
        for index, name in enumerate(names)
    ]
