"""Layers that give a sample another shape: its values are those of the input, in some order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewise import _core
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

Sizes = tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class View:
    """Which values of a sample an output has: value `offset + sum_a j_a strides_a` at (i_1, ...).

    j_a is `(i_a - before_a) // repeats_a`, and the output 0 where a j_a is not in [0, limits_a).
    `shape` is the output's, whose axes may differ from those of `sizes`. By default nothing comes
    before, nothing is repeated, and limits are the sizes.
    """

    sizes: Sizes
    strides: Sizes
    shape: Sizes
    offset: int = 0
    before: Sizes = ()
    repeats: Sizes = ()
    limits: Sizes = ()

    def native_form(self, rows: int) -> tuple[str, NativeOptions]:
        """The core's layer, for samples of so many rows."""
        lists = {
            "sizes": self.sizes,
            "strides": self.strides,
            "before": self.before or (0,) * len(self.sizes),
            "repeats": self.repeats or (1,) * len(self.sizes),
            "limits": self.limits or self.sizes,
        }
        written: NativeOptions = {
            name: ",".join(map(str, values)) for name, values in lists.items()
        }
        return "rearrange", {
            **written,
            "rows": rows,
            "width": self.shape[-1],
            "offset": self.offset,
        }

    def native(self, sizes: Sequence[int]) -> _core.Layer:
        """The core's layer, built for samples of these sizes."""
        native = _core.Layer(*self.native_form(math.prod(sizes[:-1])))
        native.build([sizes[-1]])
        return native

    @classmethod
    def permuted(cls, shape: Sequence[int], order: Sequence[int]) -> View:
        """The axes of a sample of this shape in another order."""
        strides = row_major_strides(shape)
        sizes = tuple(shape[axis] for axis in order)
        return cls(sizes, tuple(strides[axis] for axis in order), sizes)


def row_major_strides(shape: Sequence[int]) -> Sizes:
    """How far apart the values of each axis are in a sample."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


class Rearranging(Layer):
    """Base class; a subclass says by `view` which values the output has."""

    has_weights = False
    has_fixed_shape = True

    def view(self, shape: Sizes) -> View:
        """The output for a sample of this shape; ValueError if there is none."""
        raise NotImplementedError

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        shape = self._known(shapes[0])
        return self.view(shape).native_form(math.prod(shape[:-1]))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (None, *self.view(self._known(input_shape)).shape)

    def _known(self, shape: Shape) -> Sizes:
        if None in shape[1:]:
            raise ValueError(f"{self.name}: expected an input of known sizes, got {shape}")
        return tuple(int(size or 0) for size in shape[1:])


@LAYERS.register()
class Flatten(Rearranging):
    """All values of a sample in one row.

    Parameters
    ----------
    data_format : None or "channels_last"
        Only these.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Notes
    -----
    Input shape `(n, a, b, ...)` of known sizes, output shape `(n, a * b * ...)`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Flatten()(np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"data_format: expected 'channels_last', got {data_format!r}")

    def view(self, shape: Sizes) -> View:
        count = math.prod(shape)
        return View((count,), (1,), (count,))


@LAYERS.register()
class Reshape(Rearranging):
    """The values of a sample in another shape, row after row.

    Parameters
    ----------
    target_shape : tuple of int
        Shape of an output sample; one size may be -1, which follows from the others.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        The shape has no axis, or several sizes of -1; or, at the first call, another count of
        values than the input.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Reshape((2, -1))(np.ones((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape: Sequence[int], **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.target_shape = tuple(check_integer("target_shape", each, -1) for each in target_shape)
        is_valid = all(size == -1 or size >= 1 for size in self.target_shape)
        if not self.target_shape or not is_valid or self.target_shape.count(-1) > 1:
            raise ValueError(
                "target_shape: expected sizes of at least 1, of which one may be -1, got "
                f"{self.target_shape}"
            )

    def view(self, shape: Sizes) -> View:
        count = math.prod(shape)
        given = math.prod(size for size in self.target_shape if size > 0)
        target = tuple(count // given if size < 0 else size for size in self.target_shape)
        if math.prod(target) != count:
            raise ValueError(
                f"{self.name}: expected a sample of as many values as target_shape "
                f"{self.target_shape}, got shape {shape}"
            )
        return View((count,), (1,), target)

    def get_config(self) -> Config:
        return {**super().get_config(), "target_shape": list(self.target_shape)}


@LAYERS.register()
class Permute(Rearranging):
    """The axes of a sample in another order.

    Parameters
    ----------
    dims : tuple of int
        Axes of the input, counted from 1, in the order of the output: `(2, 1)` transposes.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        `dims` are not the numbers from 1 to their count; or the input has another count of axes.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Permute((2, 1))(np.ones((5, 2, 3))).shape
    (5, 3, 2)
    """

    def __init__(self, dims: Sequence[int], **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.dims = tuple(check_integer("dims", each, 1) for each in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)) or not self.dims:
            raise ValueError(f"dims: expected each of 1 to their count once, got {self.dims}")

    def view(self, shape: Sizes) -> View:
        if len(shape) != len(self.dims):
            raise ValueError(
                f"{self.name}: expected samples of {len(self.dims)} axes, got shape {shape}"
            )
        return View.permuted(shape, [axis - 1 for axis in self.dims])

    def get_config(self) -> Config:
        return {**super().get_config(), "dims": list(self.dims)}


@LAYERS.register()
class RepeatVector(Rearranging):
    """A row `n` times: `(samples, d)` becomes `(samples, n, d)`.

    Parameters
    ----------
    n : int
        Count of repetitions, at least 1.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.
    """

    def __init__(self, n: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.n = check_integer("n", n, 1)

    def view(self, shape: Sizes) -> View:
        if len(shape) != 1:
            raise ValueError(f"{self.name}: expected samples of one axis, got shape {shape}")
        sizes = (self.n, *shape)
        return View(sizes, (0, 1), sizes)

    def get_config(self) -> Config:
        return {**super().get_config(), "n": self.n}


@LAYERS.register()
class Broadcast(Rearranging):
    """Axes of size 1 repeated to the sizes of `target_shape`, as in NumPy.

    Parameters
    ----------
    target_shape : tuple of int
        Shape of an output sample.
    **options
        `name`: see `Layer`.
    """

    def __init__(self, target_shape: Sequence[int], **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.target_shape = tuple(check_integer("target_shape", each, 1) for each in target_shape)

    def view(self, shape: Sizes) -> View:
        target = self.target_shape
        padded = (1,) * (len(target) - len(shape)) + shape
        if len(padded) != len(target) or any(
            size not in (1, to) for size, to in zip(padded, target, strict=True)
        ):
            raise ValueError(f"{self.name}: expected shape {shape} to fit {target}")
        strides = row_major_strides(padded)
        repeated = tuple(
            0 if size == 1 else stride for size, stride in zip(padded, strides, strict=True)
        )
        return View(target, repeated, target)

    def get_config(self) -> Config:
        return {**super().get_config(), "target_shape": list(self.target_shape)}


@LAYERS.register()
class Slice(Rearranging):
    """Part of a sample: what `symbol[:, 2:5]` gives.

    Parameters
    ----------
    starts, sizes, steps : tuple of int
        First index, count and stride along each axis of a sample.
    dropped : tuple of int
        Axes, from 0, that have one index and are left out.
    **options
        `name`: see `Layer`.
    """

    def __init__(
        self,
        starts: Sequence[int],
        sizes: Sequence[int],
        steps: Sequence[int],
        dropped: Sequence[int] = (),
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.starts, self.sizes = tuple(starts), tuple(sizes)
        self.steps, self.dropped = tuple(steps), tuple(dropped)

    def view(self, shape: Sizes) -> View:
        strides = row_major_strides(shape)
        taken = tuple(a * b for a, b in zip(strides, self.steps, strict=True))
        offset = sum(a * b for a, b in zip(strides, self.starts, strict=True))
        kept = tuple(s for axis, s in enumerate(self.sizes) if axis not in self.dropped)
        return View(self.sizes, taken, kept or (1,), offset)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "starts": list(self.starts),
            "sizes": list(self.sizes),
            "steps": list(self.steps),
            "dropped": list(self.dropped),
        }
