"""What one expert computes. Each class is the description of a native expert.

A new one takes a C++ file that registers its kind, a class here, and a test.
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

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False, repr=False)
class Expert(Configurable):
    """A map of rows `(n, d)` to `(n, u)` with weights of its own in each expert of a layer.

    The layer's `use_bias` is the bias of an expert's outputs; an expert's own lies inside it.
    """

    kind: ClassVar[str]

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        settings = {f"expert.{field.name}": getattr(self, field.name) for field in fields(self)}
        return {"expert.kind": self.kind, **settings}

    def describe(self) -> str:
        """A few words for `summary()`."""
        return type(self).__name__


EXPERTS: Registry[Expert] = Registry("expert", Expert)


def get(identifier: object, argument: str = "expert") -> Expert:
    """The expert that a name, a configuration or an instance means."""
    return EXPERTS.get(identifier, argument)


@EXPERTS.register("linear")
@dataclass(frozen=True, eq=False, repr=False)
class Linear(Expert):
    """`E(x) = f(x W + b)`, with `W` of shape `(d, u)`.

    Parameters
    ----------
    activation : str
        f, by name; unlike the layer's it acts before the experts are combined.

    Raises
    ------
    ValueError
        The activation is unknown, or is a softmax.

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
        f, by name.
    use_bias : bool
        Whether there is a `b_in`.

    Raises
    ------
    ValueError
        `hidden` is below 1, or the activation is unknown or a softmax.
    TypeError
        `hidden` is no integer, or `use_bias` no flag.

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
    `"linear"` the bilinear form, and with `"sigmoid"` the first GLU.

    Parameters
    ----------
    hidden : int
        Width h of both hidden products.
    activation : str
        f, by name.
    use_bias : bool
        Whether there are `b_gate` and `b_value`.

    Raises
    ------
    ValueError
        `hidden` is below 1, or the activation is unknown or a softmax.
    TypeError
        `hidden` is no integer, or `use_bias` no flag.

    References
    ----------
    Shazeer 2020, "GLU variants improve Transformer", equations 5 and 6.
    """

    activation: str = "silu"
    use_bias: bool = False

    kind: ClassVar[str] = "glu"


@dataclass(frozen=True, eq=False, repr=False)
class Convolution(Expert):
    """What `Conv1D` and `Conv2D` share."""

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
        """This expert for maps of that shape, if it has none; ValueError if there is none at all.

        Several axes become one for `Conv1D`, position after position.
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
                f"map_shape: expected the shape of the map that a row holds, got none for {self}"
            )
        return self._sizes("map_shape", self.map_shape)

    def _sizes(self, name: str, value: object, broadcast: bool = False) -> tuple[int, ...]:
        """One number for each axis; a single one stands for all where it may be `broadcast`."""
        several = isinstance(value, Sequence) and not isinstance(value, str)
        given = list(value) if several else [value]  # type: ignore[call-overload]
        if len(given) == 1 and broadcast:
            given *= self.axes
        if len(given) != self.axes:
            raise ValueError(f"{name}: expected {self.axes} numbers, got {value!r}")
        return tuple(check_integer(name, each, 1) for each in given)


@EXPERTS.register("conv1d")
@dataclass(frozen=True, eq=False, repr=False)
class Conv1D(Convolution):
    """`E(x) = g(f(conv(x, K) + b_in)) W_out + b_out` of rows that hold a sequence `(length, m)`.

    The convolution has stride 1 and zeros beyond the ends; K is `(size m, filters)`.

    Parameters
    ----------
    filters : int
        Width of what the convolution makes at each position.
    kernel_size : int
        Positions that one sees; of an even number, one more lies behind than before.
    map_shape : int, optional
        Length: rows are `(length m)`, position after position. A `PatchEncoder` gives it.
    activation : str
        f, by name.
    pooling : {"mean", "none"}
        g: the mean over all positions, W_out `(filters, u)`; or what they hold side by side, W_out
        `(length filters, u)`.

    Raises
    ------
    ValueError
        A number is out of range, the activation is unknown or a softmax, or `pooling` is neither.
        The layer refuses an expert without `map_shape`, and rows it does not divide.
    TypeError
        A number is no integer.
    """

    axes: ClassVar[int] = 1


@EXPERTS.register("conv2d")
@dataclass(frozen=True, eq=False, repr=False)
class Conv2D(Convolution):
    """`E(x) = g(f(conv(x, K) + b_in)) W_out + b_out` of rows that hold a map `(height, width, m)`.

    As `Conv1D`, with `kernel_size` one number or two, `map_shape` `(height, width)`, and K of shape
    `(kernel_height kernel_width m, filters)`. CSR rows are convolved entry by entry.

    Parameters
    ----------
    filters : int
        Width of what the convolution makes at each position.
    kernel_size : int or (int, int)
        Height and width that one sees.
    map_shape : (int, int), optional
        Rows are `(height width m)`. A `PatchEncoder` gives it.
    activation, pooling
        As of `Conv1D`.

    Raises
    ------
    ValueError, TypeError
        As `Conv1D`.

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
    """The activation's name; softmax is refused, for an expert's own values are no distribution."""
    name = activations.get(activation)
    if name == "softmax":
        raise ValueError("activation: expected an elementwise one inside an expert, got 'softmax'")
    return name
