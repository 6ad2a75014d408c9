"""Kinds of experts. Each class describes an expert that the core implements.

A new kind needs a C++ file that registers it, a class here, and a test.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from gatewise import activations
from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_flag, check_integer
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False, repr=False)
class Expert(Configurable):
    """A function from rows `(n, d)` to `(n, u)`. Each expert of a layer has its own weights.

    The layer's `use_bias` controls the output bias of each expert; the `use_bias` of an expert
    controls its hidden biases.
    """

    kind: ClassVar[str]

    def native_options(self) -> NativeOptions:
        """The settings, keyed by the core's option names."""
        settings = {f"expert.{field.name}": getattr(self, field.name) for field in fields(self)}
        return {"expert.kind": self.kind, **settings}

    def describe(self) -> str:
        """Short description for `summary()`."""
        return type(self).__name__


EXPERTS: Registry[Expert] = Registry("expert", Expert)


def get(identifier: object, argument: str = "expert") -> Expert:
    """The expert given by a name, a configuration or an instance."""
    return EXPERTS.get(identifier, argument)


@EXPERTS.register("linear")
@dataclass(frozen=True, eq=False, repr=False)
class Linear(Expert):
    """`E(x) = f(x W + b)`, with `W` of shape `(d, u)`.

    Parameters
    ----------
    activation : str
        Name of f. Unlike the layer's activation, f is applied before the experts are combined.

    Raises
    ------
    ValueError
        The activation is unknown or a softmax.

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton 1991, "Adaptive mixtures of local experts".
    """

    activation: str = "linear"

    kind: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", _elementwise(self.activation))


@dataclass(frozen=True, eq=False, repr=False)
class _Hidden(Expert):
    """An expert with one hidden layer."""

    hidden: int
    activation: str = "relu"
    use_bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", check_integer("hidden", self.hidden, 1))
        object.__setattr__(self, "activation", _elementwise(self.activation))
        check_flag("use_bias", self.use_bias)

    def describe(self) -> str:
        return f"{type(self).__name__}({self.hidden})"


@EXPERTS.register("mlp")
@dataclass(frozen=True, eq=False, repr=False)
class MLP(_Hidden):
    """`E(x) = f(x W_in + b_in) W_out + b_out`, with `W_in` `(d, h)` and `W_out` `(h, u)`.

    Parameters
    ----------
    hidden : int
        Width h of the hidden layer.
    activation : str
        Name of f.
    use_bias : bool
        If True, the hidden layer has a bias `b_in`.

    Raises
    ------
    ValueError
        `hidden` is below 1, or the activation is unknown or a softmax.
    TypeError
        `hidden` is not an integer, or `use_bias` not a bool.

    References
    ----------
    Fedus, Zoph, Shazeer 2022, "Switch Transformers", section 2.
    """

    kind: ClassVar[str] = "mlp"


@EXPERTS.register("glu")
@dataclass(frozen=True, eq=False, repr=False)
class GLU(_Hidden):
    """`E(x) = (f(x W_gate + b_gate) * (x W_value + b_value)) W_out + b_out`, a gated MLP.

    With `activation="silu"` this is SwiGLU, with `"gelu"` GEGLU, with `"relu"` ReGLU, with
    `"linear"` the bilinear form, and with `"sigmoid"` the original GLU.

    Parameters
    ----------
    hidden : int
        Width h of the gate and of the value.
    activation : str
        Name of f.
    use_bias : bool
        If True, there are biases `b_gate` and `b_value`.

    Raises
    ------
    ValueError
        `hidden` is below 1, or the activation is unknown or a softmax.
    TypeError
        `hidden` is not an integer, or `use_bias` not a bool.

    References
    ----------
    Shazeer 2020, "GLU variants improve Transformer", equations 5 and 6.
    """

    activation: str = "silu"
    use_bias: bool = False

    kind: ClassVar[str] = "glu"


@dataclass(frozen=True, eq=False, repr=False)
class Convolution(Expert):
    """Base class of `Conv1D` and `Conv2D`."""

    filters: int
    kernel_size: int | tuple[int, ...] = 3
    map_shape: int | tuple[int, ...] | None = None
    activation: str = "relu"
    pooling: str = "mean"

    kind: ClassVar[str] = "convolution"
    axes: ClassVar[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", check_integer("filters", self.filters, 1))
        object.__setattr__(self, "activation", _elementwise(self.activation))
        sizes = self._sizes("kernel_size", self.kernel_size, broadcast=True)
        object.__setattr__(self, "kernel_size", sizes)
        if self.map_shape is not None:
            object.__setattr__(self, "map_shape", self._sizes("map_shape", self.map_shape))
        if self.pooling not in ("mean", "none"):
            raise ValueError(f"pooling: expected 'mean' or 'none', got {self.pooling!r}")

    def with_map(self, shape: Sequence[int] | None) -> Self:
        """This expert with `map_shape` set to `shape` if it has none.

        `Conv1D` flattens several axes into one, in row-major order. Raises ValueError if neither
        the expert nor the caller has a shape.
        """
        if self.map_shape is not None or shape is None:
            self._map_sizes()
            return self
        sizes = tuple(shape) if self.axes == 2 else (math.prod(shape),)
        return dataclasses.replace(self, map_shape=sizes)

    def native_options(self) -> NativeOptions:
        kernel = self._sizes("kernel_size", self.kernel_size)
        map_extent, kernel_extent = (1, *self._map_sizes())[-2:], (1, *kernel)[-2:]
        return {
            "expert.kind": self.kind,
            "expert.filters": self.filters,
            "expert.height": map_extent[0],
            "expert.width": map_extent[1],
            "expert.kernel_height": kernel_extent[0],
            "expert.kernel_width": kernel_extent[1],
            "expert.activation": self.activation,
            "expert.pooling": self.pooling,
        }

    def describe(self) -> str:
        return f"{type(self).__name__}({self.filters})"

    def _map_sizes(self) -> tuple[int, ...]:
        if self.map_shape is None:
            raise ValueError(
                f"map_shape: expected the shape of the map in each row, got None for {self}"
            )
        return self._sizes("map_shape", self.map_shape)

    def _sizes(self, name: str, value: object, broadcast: bool = False) -> tuple[int, ...]:
        """One size per axis; with `broadcast`, a single value is used for every axis."""
        several = isinstance(value, Sequence) and not isinstance(value, str)
        given = list(value) if several else [value]  # type: ignore[call-overload]
        if len(given) == 1 and broadcast:
            given *= self.axes
        if len(given) != self.axes:
            raise ValueError(f"{name}: expected {self.axes} sizes, got {value!r}")
        return tuple(check_integer(name, each, 1) for each in given)


@EXPERTS.register("conv1d")
@dataclass(frozen=True, eq=False, repr=False)
class Conv1D(Convolution):
    """`E(x) = g(f(conv(x, K) + b_in)) W_out + b_out`; each row is a sequence `(length, m)`.

    The convolution has stride 1 and zero padding; K is `(size m, filters)`.

    Parameters
    ----------
    filters : int
        Output channels of the convolution.
    kernel_size : int
        Positions that a filter covers; if even, one more after the centre than before it.
    map_shape : int, optional
        Length; a row has `length m` values, position after position. A `PatchEncoder` sets it.
    activation : str
        Name of f.
    pooling : {"mean", "none"}
        g: the mean over all positions, with W_out `(filters, u)`; or all positions concatenated,
        with W_out `(length filters, u)`.

    Raises
    ------
    ValueError
        A size is out of range, the activation is unknown or a softmax, or `pooling` is unknown. The
        layer also raises it without `map_shape`, and for row widths that are no multiple of it.
    TypeError
        A size is not an integer.
    """

    axes: ClassVar[int] = 1


@EXPERTS.register("conv2d")
@dataclass(frozen=True, eq=False, repr=False)
class Conv2D(Convolution):
    """`E(x) = g(f(conv(x, K) + b_in)) W_out + b_out`; each row is a map `(height, width, m)`.

    Like `Conv1D`, with one or two values of `kernel_size`, `map_shape` `(height, width)`, and K of
    shape `(kernel_height kernel_width m, filters)`. CSR rows are convolved nonzero by nonzero.

    Parameters
    ----------
    filters : int
        Output channels of the convolution.
    kernel_size : int or (int, int)
        Height and width of a filter.
    map_shape : (int, int), optional
        A row has `height width m` values. A `PatchEncoder` sets it.
    activation, pooling
        As for `Conv1D`.

    Raises
    ------
    ValueError, TypeError
        As for `Conv1D`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> expert = gw.experts.Conv2D(8, kernel_size=3, map_shape=(4, 4))
    >>> layer = gw.SparseExpertLayer(5, num_experts=2, k=1, expert=expert)
    >>> layer(np.ones((3, 4 * 4 * 6))).shape
    (3, 5)
    """

    axes: ClassVar[int] = 2


def _elementwise(activation: str | None) -> str:
    """The activation's name; ValueError for softmax, which is not elementwise."""
    name = activations.get(activation)
    if name == "softmax":
        raise ValueError("activation: expected an elementwise function in an expert, got 'softmax'")
    return name


def __dir__() -> list[str]:
    return public_names(globals())
