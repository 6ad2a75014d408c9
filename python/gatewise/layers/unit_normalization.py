"""Samples or rows of norm 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.core_layers import Natives
from gatewise.layers.rearrange import View, row_major_strides
from gatewise.registry import Config
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from gatewise.layers.symbol import Shape


@LAYERS.register()
class UnitNormalization(Layer):
    """`y = x / |x|`, with the Euclidean norm over one axis or several.

    Parameters
    ----------
    axis : int or sequence of int
        The axes, by default the last.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        An axis is that of samples; or at the first call, not one of the input, or not the last and
        a size of the input is not known.
    TypeError
        An axis is not an int, or an option is not supported.

    Notes
    -----
    A norm below 1e-12 counts as 1e-12. Its sum is in float64.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.UnitNormalization()(np.array([[3.0, 4.0]])).round(6).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    has_weights = False
    kind = "unit_normalization"

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        several: Any = axis if isinstance(axis, list | tuple) else [axis]
        axes = [check_integer("axis", each, -64) for each in several]
        if not axes or 0 in axes:
            raise ValueError(f"axis: expected axes of a sample, not 0, that of samples, got {axis}")
        self.axis = axes if isinstance(axis, list | tuple) else axes[0]

    def inner_shape(self, shape: Any) -> Shape:
        """An input shape with the axes last, as one."""
        others, axes = self._split(shape)
        if len(axes) == 1 and axes[0] == len(shape) - 1:
            return tuple(shape)
        if None in shape[1:]:
            raise ValueError(f"{self.name}: expected an input of known sizes, got {tuple(shape)}")
        width = math.prod(shape[axis] for axis in axes)
        return (None, *(shape[axis] for axis in others), width)

    def around(self, shapes: list[Shape]) -> tuple[Natives, Natives]:
        before, after = super().around(shapes)
        shape, inner = shapes[0], self.inner_shape(shapes[0])
        if inner == tuple(shape):
            return before, after
        others, axes = self._split(shape)
        sizes = [int(size or 0) for size in shape[1:]]
        order = [axis - 1 for axis in (*others, *axes)]
        strides = row_major_strides(sizes)
        moved = tuple(sizes[axis] for axis in order)
        there = View(moved, tuple(strides[axis] for axis in order), _known(inner))
        back = View.permuted(moved, [order.index(axis) for axis in range(len(order))])
        return (there.native(sizes), *before), (back.native(_known(inner)), *after)

    def _split(self, shape: Any) -> tuple[list[int], list[int]]:
        """The axes of a sample that are not normalized, and those that are."""
        rank = len(shape)
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted({axis if axis > 0 else rank + axis for axis in given})
        if not 1 <= axes[0] <= axes[-1] < rank:
            raise ValueError(f"{self.name}: axis: expected some of {rank} axes, got {self.axis}")
        return [axis for axis in range(1, rank) if axis not in axes], axes

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}


def _known(shape: Shape) -> tuple[int, ...]:
    return tuple(int(size or 0) for size in shape[1:])
