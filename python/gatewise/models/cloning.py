"""Models of new layers with the settings of another model's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from gatewise.layers import Input, InputLayer, Layer
from gatewise.layers.symbol import Symbol
from gatewise.models.functional import Model
from gatewise.models.graph import Graph
from gatewise.models.sequential import Sequential
from gatewise.models.subclasses import has_own_constructor
from gatewise.training import pack
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from gatewise.models.base import BaseModel

CloneFunction: TypeAlias = Callable[[Layer], Layer]
CallFunction: TypeAlias = Callable[..., Any]


def clone_model(
    model: Any,
    input_tensors: Symbol | Sequence[Symbol] | None = None,
    clone_function: CloneFunction | None = None,
    call_function: CallFunction | None = None,
    recursive: bool = False,
) -> Any:
    """A model of new layers with the settings of another one's, with new weights.

    It has the name of the model, and is compiled as the model is. A layer that is called often is
    made once.

    Parameters
    ----------
    model : Model
        A built one, or a `Sequential`.
    input_tensors : Symbol or list of Symbol, optional
        The inputs of the clone, as many as the model has; new ones unless given. Of a `Sequential`
        one `gw.Input`.
    clone_function : callable (layer), optional
        Makes the layer that stands for another, or returns the same, which then shares its
        weights. By default a layer of the same class with the same settings.
    call_function : callable (layer, inputs), optional
        Connects a layer of the clone, and may add others behind it; by default `layer(inputs)`.
        Only for models that are no `Sequential`.
    recursive : bool, default False
        Without effect: layers of a model within a model are layers of the model.

    Returns
    -------
    Model
        Of the class of the model; of `Model` or `Sequential` where that is one of the user's, or
        of this package's other models, and functions or inputs are given.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or `clone_function` returns no layer.
    ValueError
        If the model is not built, the count of inputs differs, or functions or inputs are given for
        a class of the user's with a constructor of its own, whose settings do not name layers.

    Examples
    --------
    >>> import gatewise as gw
    >>> model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(2)])
    >>> clone = gw.models.clone_model(model)
    >>> clone.layers[0] is model.layers[0], clone.output_shape
    (False, (None, 2))
    """
    check_flag("recursive", recursive)
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a model, got {type(model).__name__}")
    for name, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise TypeError(f"{name}: expected a function, got {type(function).__name__}")
    if input_tensors is None and clone_function is None and call_function is None:
        clone: Model = type(model).from_config(model.get_config())
    elif has_own_constructor(type(model)):
        raise ValueError(
            "clone_function, call_function, input_tensors: expected None for a class with a "
            f"constructor of its own, got some for {type(model).__name__}"
        )
    elif isinstance(model, Sequential):
        clone = _cloned_stack(model, input_tensors, clone_function, call_function)
    else:
        clone = _cloned_graph(model, input_tensors, clone_function, call_function)
    clone.compile_from_config(model.get_compile_config())
    return clone


def _cloned_stack(
    model: Sequential, inputs: Any, clone_function: CloneFunction | None, call_function: Any
) -> Sequential:
    if call_function is not None:
        raise ValueError("call_function: expected None for a Sequential, whose layers are a list")
    first: list[Any] = []
    if inputs is not None:
        first = _check_inputs(inputs, 1)
        if not isinstance(first[0].node.layer, InputLayer):
            raise ValueError(
                f"input_tensors: expected a gw.Input for a Sequential, got {first[0]!r}"
            )
    elif model.built:
        first = [_new_input(model.inputs[0])]
    clone = _once(clone_function)
    return Sequential([*first, *map(clone, model.layers)], name=model.name)


def _cloned_graph(
    model: BaseModel, inputs: Any, clone_function: CloneFunction | None, call_function: Any
) -> Model:
    graph = Graph.trace(model.inputs, model.outputs)
    count = len(graph.inputs)
    if inputs is None:
        inputs = [_new_input(symbol) for symbol in graph.inputs]
    clone = _once(clone_function)
    symbols = _check_inputs(inputs, count)
    first = list(symbols)
    for layer, indices in graph.calls():
        read = [symbols[index] for index in indices]
        given = read if layer.takes_several else read[0]
        copy = clone(layer)
        made = copy(given) if call_function is None else call_function(copy, given)
        if not isinstance(made, Symbol):
            raise TypeError(f"call_function: expected a symbol, got {type(made).__name__}")
        symbols.append(made)
    last = [symbols[index] for index in graph.output_indices()]
    inputs, outputs = pack(first, model.input_keys), pack(last, model.output_keys)
    return Model(inputs, outputs, name=model.name)


def _once(clone_function: CloneFunction | None) -> CloneFunction:
    """The function, called once for each layer."""
    made: dict[int, Layer] = {}

    def clone(layer: Layer) -> Layer:
        if id(layer) not in made:
            copy = (clone_function or _same_settings)(layer)
            if not isinstance(copy, Layer):
                raise TypeError(f"clone_function: expected a layer, got {type(copy).__name__}")
            made[id(layer)] = copy
        return made[id(layer)]

    return clone


def _same_settings(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def _new_input(symbol: Symbol) -> Symbol:
    return Input(shape=symbol.shape[1:], dtype=symbol.dtype, name=symbol.name)


def _check_inputs(given: Any, count: int) -> list[Symbol]:
    symbols = list(given) if isinstance(given, list | tuple) else [given]
    for each in symbols:
        if not isinstance(each, Symbol):
            raise TypeError(f"input_tensors: expected symbols, got {type(each).__name__}")
    if len(symbols) != count:
        raise ValueError(f"input_tensors: expected {count}, got {len(symbols)}")
    return symbols
