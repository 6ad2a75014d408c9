"""Operators and slices on symbols, and activations of them: the layers that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from gatewise.layers.activation import Activation
from gatewise.layers.elementwise import Rescaling
from gatewise.layers.merge import Add, Multiply, Subtract
from gatewise.layers.rearrange import Slice
from gatewise.layers.symbol import Symbol, register_operation


@register_operation("add")
def _plus(symbol: Symbol, other: Any) -> Any:
    return _with(symbol, other, Add, lambda c: (1.0, c))


@register_operation("subtract")
def _minus(symbol: Symbol, other: Any) -> Any:
    return _with(symbol, other, Subtract, lambda c: (1.0, -c))


@register_operation("subtract_from")
def _minus_from(symbol: Symbol, other: Any) -> Any:
    return _with(symbol, other, None, lambda c: (-1.0, c))


@register_operation("multiply")
def _times(symbol: Symbol, other: Any) -> Any:
    return _with(symbol, other, Multiply, lambda c: (c, 0.0))


@register_operation("divide")
def _over(symbol: Symbol, other: Any) -> Any:
    return _with(symbol, other, None, lambda c: (1.0 / c, 0.0))


def _with(symbol: Symbol, other: Any, merge: Any, constants: Any) -> Any:
    """`symbol` and a second operand: a layer's output for a symbol, `Rescaling` for a number."""
    if isinstance(other, Symbol) and merge is not None:
        return merge()([symbol, other])
    if isinstance(other, int | float | np.number) and not isinstance(other, bool):
        return Rescaling(*constants(float(other)))(symbol)
    return NotImplemented


@register_operation("slice")
def slice_symbol(symbol: Symbol, key: Any) -> Symbol:
    """`symbol[key]` with slices and integers; the first, over samples, is `:` or `...`."""
    keys = list(key) if isinstance(key, tuple) else [key]
    rank = len(symbol.shape)
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (rank - len(keys) + 1)
    keys += [slice(None)] * (rank - len(keys))
    if len(keys) != rank or keys[0] != slice(None):
        raise TypeError(
            f"{symbol.name}: expected [:, ...] with at most {rank - 1} further indices, got {key!r}"
        )
    if None in symbol.shape[1:]:
        raise ValueError(f"{symbol.name}: expected known sizes to slice, got {symbol.shape}")
    starts, sizes, steps, dropped = [], [], [], []
    for axis, (each, size) in enumerate(zip(keys[1:], symbol.shape[1:], strict=True)):
        if isinstance(each, slice):
            found = range(int(size or 0))[each]
        elif isinstance(each, int) and -int(size or 0) <= each < int(size or 0):
            found = range(int(size or 0))[each:][:1]
            dropped.append(axis)
        else:
            raise TypeError(f"{symbol.name}: expected slices or indices in range, got {each!r}")
        if not len(found):
            raise ValueError(f"{symbol.name}: expected at least one index in {each!r}, got none")
        starts.append(found.start)
        sizes.append(len(found))
        steps.append(found.step)
    result: Symbol = Slice(starts, sizes, steps, dropped)(symbol)
    return result


@register_operation("activate")
def activate(symbol: Symbol, name: str) -> Symbol:
    """The output of an `Activation` of this name."""
    result: Symbol = Activation(name)(symbol)
    return result
