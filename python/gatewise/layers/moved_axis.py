"""Layers of the core act on the last axis; here another axis is brought there, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import _core
from gatewise.layers.base import Layer
from gatewise.layers.core_layers import Natives
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise.layers.symbol import Shape


class MovedAxis(Layer):
    """Base class of layers that act on the axis `acting_axis` of their input."""

    def acting_axis(self, rank: int) -> int:
        """The axis of an input of `rank` axes; `rank - 1` is the last."""
        return rank - 1

    def inner_shape(self, shape: Any) -> Shape:
        """An input shape with the axis last, which is what the core sees.

        Raises
        ------
        ValueError
            The axis is not the last one, and a size is not known.
        """
        axis = self.acting_axis(len(shape))
        if axis == len(shape) - 1:
            return tuple(shape)
        if None in shape[1:]:
            raise ValueError(f"{self.name}: expected an input of known sizes, got {tuple(shape)}")
        return (*shape[:axis], *shape[axis + 1 :], shape[axis])

    def outer_shape(self, shape: Any) -> Shape:
        """The shape with the last axis of `shape` at its place."""
        axis = self.acting_axis(len(shape))
        return (*shape[:axis], shape[-1], *shape[axis:-1])

    def around(self, shapes: list[Shape]) -> tuple[Natives, Natives]:
        axis = self.acting_axis(len(shapes[0]))
        before, after = super().around(shapes)
        if axis == len(shapes[0]) - 1:
            return before, after
        read = [int(size or 0) for size in shapes[0][1:]]
        made = [int(size or 0) for size in self.compute_output_shape(shapes[0])[1:]]
        order = list(range(len(read)))
        order.append(order.pop(axis - 1))
        if len(made) == len(read):  # else the output is one row of a sample
            back = [order.index(i) for i in range(len(order))]
            after = (_permutation([made[i] for i in order], back), *after)
        return (_permutation(read, order), *before), after


class AxisLayer(MovedAxis):
    """Base class of layers with an `axis`."""

    axis: int

    def take_axis(self, axis: Any) -> None:
        """Sets `axis` from the argument, an int or a sequence of one.

        Raises
        ------
        ValueError, TypeError
            It is something else, or 0, the axis of samples.
        """
        several = isinstance(axis, list | tuple)
        if several and len(axis) != 1:
            raise ValueError(f"axis: expected one axis, got {axis!r}")
        self.axis = check_integer("axis", axis[0] if several else axis, -64)
        if self.axis == 0:
            raise ValueError("axis: expected an axis of a sample, got 0, the axis of samples")

    def acting_axis(self, rank: int) -> int:
        axis = self.axis if self.axis > 0 else rank + self.axis
        if not 1 <= axis < rank:
            raise ValueError(f"{self.name}: axis: expected one of {rank} axes, got {self.axis}")
        return axis


def _permutation(shape: list[int], order: list[int]) -> _core.Layer:
    """The core's layer that brings the axes of samples of this shape into another order."""
    from gatewise.layers.rearrange import View  # rarely needed, and import time is promised

    return View.permuted(shape, order).native(shape)
