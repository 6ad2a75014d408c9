"""Models: any acyclic graph of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gatewise.io.saved import MODELS
from gatewise.layers import Input, Layer
from gatewise.layers.as_model import document_as, register_model
from gatewise.layers.symbol import Shape, Symbol
from gatewise.models.base import BaseModel
from gatewise.models.comparing import Comparison, compare_models
from gatewise.models.expert_inputs import (
    check_no_members,
    find_expert_layer,
    node_before,
    rows_without_a_model,
)
from gatewise.models.graph import Graph
from gatewise.models.model_config import functional_config, graph_from_config
from gatewise.models.nested import nested_config, restore_nested
from gatewise.models.quantizing import quantized_model
from gatewise.models.summary import print_summary, summary_html
from gatewise.registry import Config
from gatewise.training import pack
from gatewise.utils.checks import check_defaults

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.layers import SparseExpertLayer
    from gatewise.layers.expert_load import ExpertLoad


@MODELS.register()
class Model(BaseModel):
    """The graph of layers between input symbols and output symbols.

    Layers may be called more than once and may stand in several models, which then share their
    parameters: train `Model(inputs, outputs)` and read `Model(inputs, code)`.

    Parameters
    ----------
    inputs, outputs : Symbol, list or dict of Symbol
        Where the graph begins and ends; a symbol in the midst of another graph may be an input.
        The keys of a dict are the names of inputs, and of outputs: `predict` then returns a dict,
        and `fit` and `compile` take targets, losses and metrics by these names.
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
        inputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol],
        outputs: Symbol | Sequence[Symbol] | Mapping[str, Symbol],
        name: str | None = None,
        **unsupported: object,
    ) -> None:
        check_defaults("Model", unsupported, {"trainable": True})
        self._start(name)
        graph = Graph.trace(_symbols("inputs", inputs), _symbols("outputs", outputs))
        self.input_keys, self.output_keys = _keys(inputs), _keys(outputs)
        self._set_graph(graph)

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

    def _repr_html_(self) -> str:
        return summary_html(self)

    def quantize(self, kind: str, dense: bool | None = None, block_size: int = 64) -> Self:
        """A new model for prediction, with its kernels in 2, 1 or half a byte a value.

        `"bfloat16"` rounds each weight, and each row, to 8 leading binary digits; sums are float32.
        `"int8"` stores `w = q s_j` with whole `q` from -127 to 127 and `s_j` the scale of an output
        column, `max_i |w_ij| / 127`; at prediction each row x becomes whole numbers likewise,
        `x = p t`, and `y_j = t s_j sum_i p_i q_ij + b_j`, the sum exact. Rounding is to nearest,
        ties to even. `"int4"` stores `w = c m s_j` with codes c from -8 to 7 and, for each block of
        rows of a column, a whole m from 1 to 15, of which that with the least squared error is
        chosen; the products are those of int8, with `q = c m`. Routers, biases and other layers
        keep float32. The two matrices of a dictionary are stored likewise, int8 with a scale for
        each latent, but its products are those of float32: codes have the bits of the float32
        dictionary of the rounded weights.

        Parameters
        ----------
        kind : str
            `"bfloat16"`, `"int8"` or `"int4"`.
        dense : bool, optional
            Whether `Dense`, `MemberDense` and `SparseDictionary` layers are quantized beside the
            experts. By default they are where the model has no experts; before an expert layer
            they would change the choice of experts.
        block_size : int
            Rows of a block of int4: 32, 64 or 128. A weight then takes 4.25, 4.125 or 4.06 bits.

        Returns
        -------
        Model
            Of the same class, compiled likewise, with copies of all weights. `fit` and
            `set_weights` on it are refused; `evaluate` leaves out weight penalties; `get_weights`
            gives what the kernels stand for, in float32.

        Raises
        ------
        ValueError
            `kind` is another; the model is not built, has no layer to quantize or is quantized
            already; a weight is not finite; a dictionary is to have int4; or an int8 or int4 kernel
            has more than 132,104 rows, beyond which 32 bits might not hold the sums.

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
        return quantized_model(self, kind, dense, block_size)

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

    def routing(self, x: Any, layer: str | Layer | None = None) -> Any:
        """Experts of each row and their weights in a layer of the model.

        Parameters
        ----------
        x : array (n, ..., d)
            What the model reads.
        layer : str or Layer, optional
            The expert layer, or its name; the only one if omitted.

        Returns
        -------
        indices, weights : ndarray (n, k)
            As `SparseExpertLayer.routing`; CSR for routers that choose a varying number. With M
            members `(M n, k)`: all rows for member 0, then all for member 1, and so on.

        Raises
        ------
        ValueError
            The model has no such layer, or see `predict`.
        """
        found = find_expert_layer(self.layers, layer)
        return found.routing(self._rows_before(found, x))

    def expert_load(self, x: Any, layer: str | Layer | None = None) -> ExpertLoad:
        """How the rows spread over the experts of a layer; arguments as for `routing`."""
        found = find_expert_layer(self.layers, layer)
        return found.expert_load(self._rows_before(found, x))

    def source_of(self, layer: SparseExpertLayer) -> Symbol:
        """What an expert layer of the model reads."""
        return node_before(self._built_graph(), layer).output

    def _rows_before(self, layer: SparseExpertLayer, x: Any) -> Any:
        """The rows that an expert layer reads if the model reads x."""
        graph = self._built_graph()
        before = node_before(graph, layer)
        rows = rows_without_a_model(before, x)
        if rows is not None:
            return rows
        part = Model(list(graph.inputs), before.output)
        check_no_members(part.layers, layer.name)
        return part.predict(x, verbose=0)

    def layer_settings(self) -> Config:
        config = functional_config(self._built_graph(), self.name)
        keys = {"input_keys": self.input_keys, "output_keys": self.output_keys}
        config |= {name: list(each) for name, each in keys.items() if each is not None}
        nested = nested_config(self._built_graph())
        return {**config, "models": nested} if nested else config

    @classmethod
    def from_layer_settings(cls, config: Config) -> Self:
        graph = graph_from_config(config)
        inputs = pack(list(graph.inputs), config.get("input_keys"))
        model = cls(inputs, pack(list(graph.outputs), config.get("output_keys")), config["name"])
        restore_nested(graph, config.get("models", ()))
        return model

    @classmethod
    def from_nested_settings(cls, config: Config, graph: Graph) -> Model:
        """A model of what `nested_config` describes, over layers that are there."""
        inputs = pack(list(graph.inputs), config["input_keys"])
        return Model(inputs, pack(list(graph.outputs), config["output_keys"]), name=config["name"])


document_as(Model)


@register_model("of_shapes")
def model_of_shapes(layer: Layer, shapes: Sequence[Shape]) -> Model:
    """The model of one layer over inputs of these shapes, without the samples' axis."""
    symbols = [Input(shape=shape) for shape in shapes]
    return Model(symbols, layer(symbols))


def _keys(given: object) -> tuple[str, ...] | None:
    return tuple(given) if isinstance(given, Mapping) else None


def _symbols(name: str, given: Any) -> list[Symbol]:
    if isinstance(given, Mapping):
        if not all(isinstance(key, str) for key in given):
            raise TypeError(f"{name}: expected names as keys, got {list(given)}")
        given = list(given.values())
    several = given if isinstance(given, list | tuple) else [given]
    symbols = [symbol for symbol in several if isinstance(symbol, Symbol)]
    if not symbols or len(symbols) < len(several):
        raise TypeError(f"{name}: expected a symbol, a list or a dict of them, got {given!r}")
    return symbols
