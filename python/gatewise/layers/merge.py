"""Layers that merge several inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.symbol import Shape
from gatewise.registry import Config

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Merge(Layer):
    """Base class of layers that take a list of at least two inputs."""

    takes_several = True
    same_width = True

    def check_inputs(self, shapes: list[Shape]) -> None:
        if len(shapes) < 2:
            raise ValueError(
                f"{self.name}: expected two inputs or more in a list, got {len(shapes)}"
            )
        compared = [shape if self.same_width else shape[:-1] for shape in shapes]
        for shape, each in zip(shapes, compared, strict=True):
            if not _shapes_match(compared[0], each):
                what = "one shape" if self.same_width else "one shape up to the last axis"
                raise ValueError(
                    f"{self.name}: expected inputs of {what}, got {shapes[0]} and {shape}"
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
class Concatenate(_Merge):
    """Concatenates the inputs along the last axis.

    Parameters
    ----------
    axis : int
        Must be -1, the last axis.
    **options
        `name`, `trainable`: see `Layer`.

    Raises
    ------
    ValueError
        `axis` is not -1; or a call has fewer than two inputs, or inputs whose shapes differ before
        the last axis.

    Notes
    -----
    Input shapes `(n, ..., d_i)`, output shape `(n, ..., d_1 + d_2 + ...)`.
    """

    kind = "concatenate"
    same_width = False

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        if axis != -1:
            raise ValueError(f"axis: expected -1, the last axis, got {axis!r}")

    def compute_output_shape(self, input_shape: Any) -> Shape:
        leading = super().compute_output_shape([shape[:-1] for shape in input_shape])
        return (*leading, sum(shape[-1] for shape in input_shape))

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": -1}


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
