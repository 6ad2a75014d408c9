"""Layers that merge several inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.symbol import Shape, Symbol
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Merge(Layer):
    """Base class of layers that take a list of at least two inputs."""

    has_weights = False
    takes_several = True
    broadcasts: ClassVar[bool] = True
    """Whether axes of size 1 are repeated to the sizes of the other inputs."""

    def connect(self, symbols: Sequence[Symbol]) -> Symbol:
        return super().connect(_broadcast(symbols) if self.broadcasts else symbols)

    def check_inputs(self, shapes: list[Shape]) -> None:
        if len(shapes) < 2:
            raise ValueError(
                f"{self.name}: expected two inputs or more in a list, got {len(shapes)}"
            )
        for shape in shapes:
            if not _shapes_match(shapes[0], shape):
                raise ValueError(
                    f"{self.name}: expected inputs of one shape, got {shapes[0]} and {shape}"
                )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(
            next((size for size in sizes if size is not None), None)
            for sizes in zip(*input_shape, strict=True)
        )


@LAYERS.register()
class Add(_Merge):
    """`y = x_1 + x_2 + ...`, elementwise.

    Parameters
    ----------
    **options
        `name`, `trainable`: see `Layer`.

    Raises
    ------
    ValueError
        On a call with fewer than two inputs, or with inputs of different shapes.

    Notes
    -----
    Shape of each input and of the output: `(n, ..., d)`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Add()([np.ones((1, 2)), np.ones((1, 2))]).tolist()
    [[2.0, 2.0]]
    """

    kind = "add"


@LAYERS.register()
class Subtract(_Merge):
    """`y = x_1 - x_2`, elementwise.

    Parameters
    ----------
    **options
        `name`, `trainable`: see `Layer`.

    Raises
    ------
    ValueError
        On a call without exactly two inputs, or with inputs of different shapes.

    Notes
    -----
    Shape of each input and of the output: `(n, ..., d)`.
    """

    kind = "subtract"

    def check_inputs(self, shapes: list[Shape]) -> None:
        super().check_inputs(shapes)
        if len(shapes) != 2:
            raise ValueError(f"{self.name}: expected two inputs in a list, got {len(shapes)}")


@LAYERS.register()
class Multiply(_Merge):
    """`y = x_1 * x_2 * ...`, elementwise.

    Parameters
    ----------
    **options
        `name`, `trainable`: see `Layer`.

    Raises
    ------
    ValueError
        On a call with fewer than two inputs, or with inputs of different shapes.

    Notes
    -----
    Shape of each input and of the output: `(n, ..., d)`.
    """

    kind = "multiply"


@LAYERS.register()
class Average(_Merge):
    """`y = (x_1 + x_2 + ...) / count`, elementwise; see `Add`."""

    kind = "average"


@LAYERS.register()
class Maximum(_Merge):
    """`y = max(x_1, x_2, ...)`, elementwise; see `Add`.

    Where two inputs are equal, each has half of the gradient.
    """

    kind = "maximum"


@LAYERS.register()
class Minimum(_Merge):
    """`y = min(x_1, x_2, ...)`, elementwise; see `Maximum`."""

    kind = "minimum"


@LAYERS.register()
class Dot(_Merge):
    """Products of the rows of two inputs: `y_ij = sum_u a_iu b_ju` for each sample.

    Parameters
    ----------
    axes : int or tuple of two int
        The axis of each input that is summed; only the last, as a positive number or -1.
    normalize : bool
        Must be False.
    **options
        `name`, `trainable`: see `Layer`.

    Raises
    ------
    ValueError
        Axes are others; or a call has no two inputs `(n, d)` or `(n, t, d)` of one width.

    Notes
    -----
    Inputs `(n, d)` give `(n, 1)`; `(n, t, d)` and `(n, s, d)` give `(n, t, s)`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[11.0]]
    """

    has_fixed_shape = True
    broadcasts = False

    def __init__(
        self,
        axes: int | tuple[int, int],
        normalize: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        if check_flag("normalize", normalize):
            raise TypeError("normalize: expected False, got True")
        given = axes if isinstance(axes, list | tuple) else (axes, axes)
        if len(given) != 2:
            raise ValueError(f"axes: expected one or two integers, got {axes!r}")
        self.axes = tuple(check_integer("axes", axis, -1) for axis in given)

    def check_inputs(self, shapes: list[Shape]) -> None:
        if len(shapes) != 2 or any(len(shape) not in (2, 3) for shape in shapes):
            raise ValueError(f"{self.name}: expected two inputs (n, d) or (n, t, d), got {shapes}")
        for shape, axis in zip(shapes, self.axes, strict=True):
            if axis not in (-1, len(shape) - 1):
                raise ValueError(
                    f"{self.name}: expected axes to be the last, {len(shape) - 1}, got {axis}"
                )
        if shapes[0][-1] != shapes[1][-1] or any(None in shape[1:] for shape in shapes):
            raise ValueError(f"{self.name}: expected inputs of one known width, got {shapes}")

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        rows, second_rows = (int(shape[1] or 1) if len(shape) == 3 else 1 for shape in shapes)
        return "dot", {"rows": rows, "second_rows": second_rows}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        first, second = input_shape
        return (None, *(first[1:-1] + second[1:-1] or (1,)))

    def get_config(self) -> Config:
        return {**super().get_config(), "axes": list(self.axes)}


@LAYERS.register()
class Concatenate(_Merge):
    """Concatenates the inputs along an axis.

    Parameters
    ----------
    axis : int
        The axis, but not that of the samples: -1 for the last, or counted with the samples as 0.
    **options
        `name`, `trainable`: see `Layer`.

    Raises
    ------
    ValueError
        A call has fewer than two inputs, or inputs whose shapes differ in another axis; or the axis
        is 0 or none of theirs.

    Notes
    -----
    Input shapes `(n, ..., d_i)`, output shape `(n, ..., d_1 + d_2 + ...)` along the last axis.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Concatenate(axis=1)([np.ones((1, 2, 3)), np.ones((1, 4, 3))]).shape
    (1, 6, 3)
    """

    kind = "concatenate"
    broadcasts = False

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = check_integer("axis", axis, -64)

    def check_inputs(self, shapes: list[Shape]) -> None:
        if len(shapes) < 2:
            super().check_inputs(shapes)
        first = self._without_axis(shapes[0])
        for shape in shapes:
            if not _shapes_match(first, self._without_axis(shape)):
                where = "up to the last axis" if self.axis == -1 else f"but for axis {self.axis}"
                raise ValueError(
                    f"{self.name}: expected inputs of one shape {where}, got {shapes[0]} and "
                    f"{shape}"
                )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        at = self._position(shapes[0])
        if at == len(shapes[0]) - 1:
            return "concatenate", {}
        if any(None in shape[1:] for shape in shapes):
            raise ValueError(f"{self.name}: expected inputs of known sizes, got {shapes}")
        return "concatenate_rows", {"outer": math.prod(size or 1 for size in shapes[0][1:at])}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        at = self._position(input_shape[0])
        others = super().compute_output_shape([self._without_axis(each) for each in input_shape])
        sizes = [shape[at] for shape in input_shape]
        joined = None if None in sizes else sum(sizes)
        return (*others[:at], joined, *others[at:])

    def _position(self, shape: Shape) -> int:
        at = self.axis if self.axis >= 0 else len(shape) + self.axis
        if not 0 < at < len(shape):
            raise ValueError(f"{self.name}: expected an axis of {shape} after the first, got {at}")
        return at

    def _without_axis(self, shape: Shape) -> Shape:
        at = self._position(shape)
        return (*shape[:at], *shape[at + 1 :])

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}


def _broadcast(symbols: Sequence[Symbol]) -> Sequence[Symbol]:
    """The symbols, those with axes of size 1 repeated to the sizes of the others."""
    shapes = [symbol.shape[1:] for symbol in symbols]
    if len(set(shapes)) <= 1 or any(None in shape for shape in shapes):
        return symbols
    from gatewise.layers.rearrange import Broadcast

    try:
        target = tuple(np.broadcast_shapes(*cast("list[tuple[int, ...]]", shapes)))
    except ValueError:
        return symbols  # which `check_inputs` refuses
    return [
        symbol if shape == target else Broadcast(target)(symbol)
        for symbol, shape in zip(symbols, shapes, strict=True)
    ]


def average(inputs: Any, **options: Any) -> Any:
    """`Average(**options)(inputs)`."""
    return Average(**options)(inputs)


def maximum(inputs: Any, **options: Any) -> Any:
    """`Maximum(**options)(inputs)`."""
    return Maximum(**options)(inputs)


def minimum(inputs: Any, **options: Any) -> Any:
    """`Minimum(**options)(inputs)`."""
    return Minimum(**options)(inputs)


def dot(inputs: Any, axes: int | tuple[int, int] = -1, **options: Any) -> Any:
    """`Dot(axes, **options)(inputs)`."""
    return Dot(axes, **options)(inputs)


def add(inputs: Any, **options: Any) -> Any:
    """`Add(**options)(inputs)`."""
    return Add(**options)(inputs)


def subtract(inputs: Any, **options: Any) -> Any:
    """`Subtract(**options)(inputs)`."""
    return Subtract(**options)(inputs)


def multiply(inputs: Any, **options: Any) -> Any:
    """`Multiply(**options)(inputs)`."""
    return Multiply(**options)(inputs)


def concatenate(inputs: Any, axis: int = -1, **options: Any) -> Any:
    """`Concatenate(axis, **options)(inputs)`."""
    return Concatenate(axis, **options)(inputs)


def _shapes_match(first: Shape, second: Shape) -> bool:
    return len(first) == len(second) and all(
        a is None or b is None or a == b for a, b in zip(first, second, strict=True)
    )
