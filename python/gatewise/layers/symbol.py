"""Symbols: what flows through a model before there are numbers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

Shape: TypeAlias = tuple[int | None, ...]
"""Sizes of an array's axes, None where free: `(None, 784)`; the first axis is the samples'."""


class Symbol:
    """An array that is still to come: its shape, and the call of a layer that will make it.

    `layer(symbol)` gives the next one; `gw.Model(inputs, outputs)` is what lies between two.
    """

    __array_ufunc__ = None  # else NumPy makes `array + symbol` an array of symbols

    def __init__(self, shape: Shape, node: Node, dtype: str = "float32") -> None:
        self.shape = shape
        self.node = node
        self.dtype = dtype

    @property
    def name(self) -> str:
        """The name of the layer that makes it."""
        name: str = self.node.layer.name
        return name

    def __repr__(self) -> str:
        return f"<Symbol {self.name} {self.shape}>"

    def __add__(self, other: object) -> Any:
        return _operate("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        return _operate("subtract", self, other)

    def __rsub__(self, other: object) -> Any:
        return _operate("subtract_from", self, other)

    def __mul__(self, other: object) -> Any:
        return _operate("multiply", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Any:
        return _operate("divide", self, other)

    def __neg__(self) -> Any:
        return _operate("multiply", self, -1.0)

    def __getitem__(self, key: Any) -> Any:
        return _operate("slice", self, key)

    def activated(self, name: str) -> Any:
        """The symbol of an activation's output, for the functions of `gw.activations`."""
        return _operate("activate", self, name)

    def __iter__(self) -> Any:
        raise TypeError(f"{self.name}: expected a layer's input, got a loop over a symbol")


# What an operator on a symbol does: functions of a module above this one, which is imported at the
# first operator and joins by `register_operation`.
_OPERATIONS: dict[str, Callable[[Symbol, Any], Any]] = {}
_operators_module = ""


def set_operators_module(module: str) -> None:
    """Declares the module whose functions are the operations."""
    global _operators_module
    _operators_module = module


def register_operation(name: str) -> Callable[[F], F]:
    """A decorator: the function computes this operation of a symbol and another operand."""

    def decorator(function: F) -> F:
        _OPERATIONS[name] = function
        return function

    return decorator


def _operate(name: str, symbol: Symbol, operand: object) -> Any:
    if not _OPERATIONS:
        importlib.import_module(_operators_module)
    return _OPERATIONS[name](symbol, operand)


def sample_shapes(
    inputs: Sequence[Symbol], given: Sequence[Shape], outputs: Sequence[Symbol]
) -> list[tuple[int, ...]]:
    """Shapes of a sample of each output, without the samples' axis, for inputs of shapes `given`.

    Sizes that symbols leave free are those that the layers give for these inputs.
    """
    known = {id(symbol): shape for symbol, shape in zip(inputs, given, strict=True)}
    stack = [symbol for symbol in outputs if None in symbol.shape[1:]]
    while stack:
        symbol = stack[-1]
        layer, before = symbol.node.layer, symbol.node.inputs
        missing = [each for each in before if id(each) not in known and None in each.shape[1:]]
        if id(symbol) in known or missing:
            stack += missing if id(symbol) not in known else []
            if id(symbol) in known:
                stack.pop()
            continue
        shapes = [known.get(id(each), each.shape) for each in before]
        known[id(symbol)] = layer.compute_output_shape(shapes if layer.takes_several else shapes[0])
    return [
        tuple(int(size or 0) for size in known.get(id(each), each.shape)[1:]) for each in outputs
    ]


@dataclass(eq=False, repr=False)
class Node:
    """One call of a `Layer`: from which symbols it made which."""

    layer: Any
    inputs: tuple[Symbol, ...]
    output_shape: Shape
    output: Symbol = field(init=False)
    call: Any = None
    """The call of a model that it is part of."""

    def __post_init__(self) -> None:
        self.output = Symbol(self.output_shape, self)


def as_symbols(inputs: Any, name: str, training: bool | None) -> list[Symbol] | None:
    """The symbols of a call; None if its inputs are arrays.

    Raises
    ------
    TypeError
        Symbols are mixed with arrays, or `training` is set.
    """
    if training:
        raise TypeError(f"{name}: training: expected False or None, got {training!r}; use fit")
    several = inputs if isinstance(inputs, list | tuple) else [inputs]
    symbols = [each for each in several if isinstance(each, Symbol)]
    if symbols and len(symbols) != len(several):
        raise TypeError(f"{name}: expected symbols or arrays, got both")
    return symbols or None


def check_shape(name: str, shape: object, allows_free_width: bool = False) -> Shape:
    """A shape without its first axis, as `Input` takes it: `(784,)`, `(None, 64)`.

    Raises
    ------
    TypeError
        It is no sequence of integers and None.
    ValueError
        It is empty, its last axis is free, or a size is below 1.
    """
    expected = f"{name}: expected a tuple of sizes such as (784,), got {shape!r}"
    if not isinstance(shape, tuple | list):
        raise TypeError(expected)
    for size in shape:
        if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__")):
            raise TypeError(expected)
    sizes = tuple(None if size is None else int(size) for size in shape)
    if allows_free_width and sizes and sizes[-1] is None:
        check_shape(name, (*sizes[:-1], 1))
        return sizes
    if not sizes or sizes[-1] is None or any(size is not None and size < 1 for size in sizes):
        raise ValueError(f"{expected}; the last axis is the features and has a known size")
    return sizes
