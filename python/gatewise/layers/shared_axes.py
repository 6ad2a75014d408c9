"""Masks and weights that are shared along some axes of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.layers.base import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewise.layers.symbol import Shape
    from gatewise.registry import NativeOptions


class SharesAxes(Layer):
    """Base class; a subclass says by `shared_of` along which axes."""

    def shared_of(self, shape: Shape) -> Sequence[bool]:
        """Whether values are shared, for each axis of a sample of an input of this shape."""
        raise NotImplementedError

    def shared_options(self, shape: Shape) -> NativeOptions:
        """The axes in the form that the core reads.

        Raises
        ------
        ValueError
            Values differ along an axis whose size is not known.
        """
        shared = self.shared_of(shape)
        if not all(shared[:-1]) and None in shape[1:]:
            raise ValueError(f"{self.name}: expected an input of known sizes, got {shape}")
        sizes = [size or 1 for size in shape[1:]]
        return {
            "sizes": ",".join(map(str, sizes)),
            "shared": ",".join(str(int(each)) for each in shared),
        }

    def keeps_sizes(self) -> bool:
        return not all(self.shared_of(self.input_shape)[:-1])
