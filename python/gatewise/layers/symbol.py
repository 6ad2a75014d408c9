"""Symbols: what flows through a model before there are numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int | None, ...]
"""Sizes of an array's axes, None where free: `(None, 784)`; the first axis is the samples'."""


class Symbol:
    """An array that is still to come: its shape, and the call of a layer that will make it.

    `layer(symbol)` gives the next one; `gw.Model(inputs, outputs)` is what lies between two.
    """

    def __init__(self, shape: Shape, node: Node) -> None:
        self.shape = shape
        self.node = node

    @property
    def name(self) -> str:
        """The name of the layer that makes it."""
        name: str = self.node.layer.name
        return name

    def __repr__(self) -> str:
        return f"<Symbol {self.name} {self.shape}>"


@dataclass(eq=False, repr=False)
class Node:
    """One call of a `Layer`: from which symbols it made which."""

    layer: Any
    inputs: tuple[Symbol, ...]
    output_shape: Shape
    output: Symbol = field(init=False)

    def __post_init__(self) -> None:
        self.output = Symbol(self.output_shape, self)


def check_shape(name: str, shape: object) -> Shape:
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
    if not sizes or sizes[-1] is None or any(size is not None and size < 1 for size in sizes):
        raise ValueError(f"{expected}; the last axis is the features and has a known size")
    return sizes
