"""Layers that cut, pad or repeat the positions of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.layers.rearrange import Rearranging, Sizes, View, row_major_strides
from gatewise.layers.windows import check_sizes, check_words
from gatewise.registry import Config
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

Pairs = tuple[tuple[int, int], ...]


class _Positions(Rearranging):
    """Base class: samples of `axes` axes of positions, and one of channels."""

    axes: ClassVar[int]
    has_data_format: ClassVar[bool] = True

    def __init__(self, data_format: str | None = None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        check_words("data_format", data_format, (None, "channels_last", "channels_first"))
        self.data_format = data_format or "channels_last"

    def view(self, shape: Sizes) -> View:
        if len(shape) != self.axes + 1:
            raise ValueError(
                f"{self.name}: expected an input of {self.axes + 2} axes, got (None, "
                f"{', '.join(map(str, shape))})"
            )
        first = 1 if self.data_format == "channels_first" else 0
        return self.view_positions(shape, first)

    def view_positions(self, shape: Sizes, first: int) -> View:
        """The output for a sample whose positions are the axes from `first` on."""
        raise NotImplementedError

    def get_config(self) -> Config:
        config = super().get_config()
        return {**config, "data_format": self.data_format} if self.has_data_format else config


class _Cropping(_Positions):
    """Base class of layers that leave out positions at the borders."""

    cropping: Pairs

    def view_positions(self, shape: Sizes, first: int) -> View:
        strides, sizes = row_major_strides(shape), list(shape)
        offset = 0
        for axis, (before, after) in enumerate(self.cropping, first):
            if before + after >= shape[axis]:
                raise ValueError(
                    f"{self.name}: cropping: expected less than {shape[axis]} along axis "
                    f"{axis + 1}, got {before} and {after}"
                )
            sizes[axis] -= before + after
            offset += before * strides[axis]
        return View(tuple(sizes), strides, tuple(sizes), offset)

    def get_config(self) -> Config:
        return {**super().get_config(), "cropping": _as_lists(self.cropping)}


class _ZeroPadding(_Positions):
    """Base class of layers that add zeros at the borders."""

    padding: Pairs

    def view_positions(self, shape: Sizes, first: int) -> View:
        sizes, begins = list(shape), [0] * len(shape)
        for axis, (before, after) in enumerate(self.padding, first):
            sizes[axis] += before + after
            begins[axis] = before
        strides = row_major_strides(shape)
        return View(tuple(sizes), strides, tuple(sizes), before=tuple(begins), limits=shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "padding": _as_lists(self.padding)}


class _UpSampling(_Positions):
    """Base class of layers that repeat positions."""

    size: Sizes

    def view_positions(self, shape: Sizes, first: int) -> View:
        repeats = [1] * len(shape)
        repeats[first : first + self.axes] = self.size
        sizes = tuple(a * b for a, b in zip(shape, repeats, strict=True))
        strides = row_major_strides(shape)
        return View(sizes, strides, sizes, repeats=tuple(repeats), limits=shape)


@LAYERS.register()
class Cropping1D(_Cropping):
    """Leaves out positions at both ends of `(n, t, d)`.

    Parameters
    ----------
    cropping : int or pair of int
        Positions left out at the beginning and at the end.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Raises
    ------
    ValueError
        A number is negative; or at the first call, nothing would be left.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Cropping1D((1, 2))(np.ones((2, 6, 3))).shape
    (2, 3, 3)
    """

    axes, has_data_format = 1, False

    def __init__(self, cropping: Any = (1, 1), **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.cropping = (_pair("cropping", cropping),)

    def get_config(self) -> Config:
        return {**super().get_config(), "cropping": list(self.cropping[0])}


@LAYERS.register()
class Cropping2D(_Cropping):
    """Leaves out positions at the borders of `(n, height, width, channels)`.

    Parameters
    ----------
    cropping : int, two int or two pairs of int
        Positions left out at each border: of all, of each axis, or at the beginning and the end of
        each axis.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": samples are `(channels, height, width)`.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Cropping2D(1)(np.ones((2, 5, 6, 3))).shape
    (2, 3, 4, 3)
    """

    axes = 2

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(data_format, **options)
        self.cropping = _pairs("cropping", cropping, self.axes)


@LAYERS.register()
class Cropping3D(_Cropping):
    """Leaves out positions at the borders of `(n, a, b, c, channels)`; see `Cropping2D`."""

    axes = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(data_format, **options)
        self.cropping = _pairs("cropping", cropping, self.axes)


@LAYERS.register()
class ZeroPadding1D(_ZeroPadding):
    """Adds zeros at both ends of `(n, t, d)`.

    Parameters
    ----------
    padding : int or pair of int
        Positions added at the beginning and at the end.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": samples are `(d, t)`.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.ZeroPadding1D((0, 2))(np.ones((1, 1, 1))).ravel().tolist()
    [1.0, 0.0, 0.0]
    """

    axes = 1

    def __init__(
        self, padding: Any = 1, data_format: str | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(data_format, **options)
        self.padding = (_pair("padding", padding),)

    def get_config(self) -> Config:
        return {**super().get_config(), "padding": list(self.padding[0])}


@LAYERS.register()
class ZeroPadding2D(_ZeroPadding):
    """Adds zeros at the borders of `(n, height, width, channels)`.

    Parameters
    ----------
    padding : int, two int or two pairs of int
        Positions added at each border, as the argument of `Cropping2D`.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": samples are `(channels, height, width)`.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.
    """

    axes = 2

    def __init__(
        self,
        padding: Any = (1, 1),
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(data_format, **options)
        self.padding = _pairs("padding", padding, self.axes)


@LAYERS.register()
class ZeroPadding3D(_ZeroPadding):
    """Adds zeros at the borders of `(n, a, b, c, channels)`; see `ZeroPadding2D`."""

    axes = 3

    def __init__(
        self,
        padding: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(data_format, **options)
        self.padding = _pairs("padding", padding, self.axes)


@LAYERS.register()
class UpSampling1D(_UpSampling):
    """Each position of `(n, t, d)` several times.

    Parameters
    ----------
    size : int
        How many times.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.UpSampling1D(2)(np.array([[[1.0], [2.0]]])).ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    axes, has_data_format = 1, False

    def __init__(self, size: int = 2, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.size = check_sizes("size", size, 1)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size[0]}


@LAYERS.register()
class UpSampling2D(_UpSampling):
    """Each position of `(n, height, width, channels)` several times along each axis.

    Parameters
    ----------
    size : int or two int
        How many times.
    data_format : {"channels_last", "channels_first"}, optional
        "channels_first": samples are `(channels, height, width)`.
    interpolation : str
        Must be "nearest".
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.
    """

    axes = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(data_format, **options)
        self.size = check_sizes("size", size, self.axes)
        self.interpolation = check_words("interpolation", interpolation, ("nearest",))

    def get_config(self) -> Config:
        config = {"size": list(self.size), "interpolation": self.interpolation}
        return {**super().get_config(), **config}


@LAYERS.register()
class UpSampling3D(_UpSampling):
    """Each position of `(n, a, b, c, channels)` several times along each axis; `UpSampling2D`."""

    axes = 3

    def __init__(
        self,
        size: Any = (2, 2, 2),
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(data_format, **options)
        self.size = check_sizes("size", size, self.axes)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": list(self.size)}


def _pair(name: str, value: Any) -> tuple[int, int]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(f"{name}: expected an int or a pair, got {value!r}")
        return check_integer(name, value[0], 0), check_integer(name, value[1], 0)
    both = check_integer(name, value, 0)
    return both, both


def _pairs(name: str, value: Any, axes: int) -> Pairs:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (_pair(name, value),) * axes
    if len(value) != axes:
        raise ValueError(f"{name}: expected an int or {axes} of ints or pairs, got {value!r}")
    return tuple(_pair(name, each) for each in value)


def _as_lists(pairs: Pairs) -> list[list[int]]:
    return [list(pair) for pair in pairs]
