"""Windows over the positions of a sample, for convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatewise.layers.symbol import Shape
from gatewise.registry import NativeOptions
from gatewise.utils.checks import check_integer

Sizes = tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Windows:
    """Windows of a map with one to three axes.

    The map is the input; that of a transposed convolution is its output.
    """

    sizes: Sizes
    window: Sizes
    strides: Sizes
    dilation: Sizes
    before: Sizes
    """Positions of the first window that lie beyond the border."""
    output: Sizes
    """Counts of windows along each axis."""

    @classmethod
    def over(
        cls,
        name: str,
        shape: Shape,
        window: Sizes,
        strides: Sizes,
        dilation: Sizes,
        padding: str,
    ) -> Windows:
        """The windows over an input of shape `(None, ..., channels)`.

        With "same" there are `ceil(size / stride)` of them, and of the positions that are added the
        smaller half lies before the first; with "causal" all of them do.

        Raises
        ------
        ValueError
            The input has another count of axes, or sizes that are not known or too small.
        """
        axes = len(window)
        sizes = _known_sizes(name, shape, axes)
        extents = tuple((w - 1) * d + 1 for w, d in zip(window, dilation, strict=True))
        if padding == "valid":
            before = (0,) * axes
            output = tuple(
                (size - extent) // stride + 1
                for size, extent, stride in zip(sizes, extents, strides, strict=True)
            )
        else:
            output = tuple(-(-size // stride) for size, stride in zip(sizes, strides, strict=True))
            added = [
                max((count - 1) * stride + extent - size, 0)
                for count, stride, extent, size in zip(output, strides, extents, sizes, strict=True)
            ]
            if padding == "causal":
                before = tuple(extent - 1 for extent in extents)
            else:
                before = tuple(each // 2 for each in added)
        if any(count < 1 for count in output):
            raise ValueError(f"{name}: expected an input of at least {extents}, got {sizes}")
        return cls(sizes, window, strides, dilation, before, output)

    @classmethod
    def transposed(
        cls,
        name: str,
        shape: Shape,
        window: Sizes,
        strides: Sizes,
        dilation: Sizes,
        padding: str,
        output_padding: Sizes | None,
    ) -> Windows:
        """The windows over the output of a transposed convolution, one for each input position.

        Along an axis of n positions with windows of extent `e = (w - 1) dilation + 1`, the output
        has `(n - 1) stride + e + output_padding` positions with "valid" padding, and
        `(n - 1) stride + e % 2 + output_padding` with "same". Without `output_padding` they are
        `(n - 1) stride + max(e, stride)` and `n stride`.

        Raises
        ------
        ValueError
            As `over`.
        """
        counts = _known_sizes(name, shape, len(window))
        before, sizes = [], []
        for axis, count in enumerate(counts):
            stride = strides[axis]
            extent = (window[axis] - 1) * dilation[axis] + 1
            added = None if output_padding is None else output_padding[axis]
            if padding == "valid":
                after = max(stride - extent, 0) if added is None else added
                before.append(0)
                sizes.append((count - 1) * stride + extent + after)
                continue
            # Zeros at both ends of the input, with zeros between its positions too, over which a
            # convolution of stride 1 has this output.
            zeros = stride + extent - 2 if added is None else extent + extent % 2 - 2 + added
            before.append(extent - 1 - min(zeros - zeros // 2, extent - 1))
            sizes.append((count - 1) * stride + zeros - extent + 2)
        if any(size < 1 for size in sizes):
            raise ValueError(
                f"{name}: expected an input whose output has positions, got {shape} with the "
                f"output {tuple(sizes)}"
            )
        return cls(tuple(sizes), window, strides, dilation, tuple(before), counts)

    def native_options(self) -> NativeOptions:
        """The settings in the form that the core reads."""
        lists = {
            "sizes": self.sizes,
            "window": self.window,
            "strides": self.strides,
            "dilation": self.dilation,
            "before": self.before,
            "windows": self.output,
        }
        return {name: ",".join(map(str, values)) for name, values in lists.items()}


def _known_sizes(name: str, shape: Shape, axes: int) -> Sizes:
    if len(shape) != axes + 2 or None in shape[1:]:
        forms = ("(n, t, d)", "(n, height, width, channels)", "(n, a, b, c, channels)")
        form = forms[axes - 1]
        raise ValueError(f"{name}: expected an input {form} of known sizes, got {shape}")
    return tuple(int(size or 0) for size in shape[1:-1])


def check_sizes(name: str, value: Any, axes: int, low: int = 1) -> Sizes:
    """`value`, one size for all axes or a sequence of one for each, as a tuple.

    Raises
    ------
    TypeError, ValueError
        It is neither, or a size is below `low`.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != axes:
            raise ValueError(f"{name}: expected {axes} sizes, got {value!r}")
        return tuple(check_integer(name, each, low) for each in value)
    return (check_integer(name, value, low),) * axes


def check_words(name: str, value: object, allowed: Sequence[str | None]) -> object:
    """`value`; ValueError if it is not one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value
