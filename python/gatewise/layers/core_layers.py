"""The layers of the core that stand for a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from gatewise import _core
from gatewise.layers.penalties import WeightPenalties, activity_layer
from gatewise.utils import streams
from gatewise.utils.value_limit import take_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewise.layers.symbol import Shape
    from gatewise.registry import NativeOptions

Natives: TypeAlias = "tuple[_core.Layer, ...]"


class CoreLayers(WeightPenalties):
    """The part of a layer that makes layers of the core.

    One of them, `native`, has the parameters. Others without parameters may come before and after
    it. A layer without weights may be used on inputs of several shapes and has a form for each.
    """

    kind: ClassVar[str]
    """The core's name for this kind of layer."""

    def __init__(self) -> None:
        super().__init__()
        self._before: Natives = ()
        self._after: Natives = ()
        self._forms: dict[tuple[Shape, ...], Natives] = {}

    def native_options(self) -> NativeOptions:
        """The settings, keyed by the core's option names."""
        return {}

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        """The core's kind of layer and its settings for inputs of these shapes."""
        return self.kind, self.native_options()

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The output shape for an input shape, or for a list of them if `takes_several`."""
        return tuple(input_shape)

    def inner_shape(self, shape: Any) -> Shape:
        """The shape of an input as `native` sees it."""
        return tuple(shape)

    def around(self, shapes: list[Shape]) -> tuple[Natives, Natives]:
        """The core's layers before and after `native`, for inputs of these shapes."""
        penalty = self.activity_regularizer
        if penalty is None:
            return (), ()
        return (), (activity_layer(penalty, int(self.compute_output_shape(shapes[0])[-1] or 0)),)

    def natives(self, shapes: Sequence[Shape]) -> Natives:
        """The core's layers for inputs of these shapes; each reads the one before."""
        form = self._forms.get(_sample_shapes(shapes))
        return form or (*self._before, self.native, *self._after)

    def add_form(self, shapes: list[Shape]) -> None:
        """Makes the core's layers for inputs of other shapes than the first."""
        key = _sample_shapes(shapes)
        if key in self._forms:
            return
        native = self._make_native([self.inner_shape(shape) for shape in shapes])
        before, after = self.around(shapes)
        self._forms[key] = (*before, native, *after)
        if self.random_stream is not None:
            self.set_random_stream(*self.random_stream)

    def _make_native(self, inner: list[Shape], *limit: int) -> _core.Layer:
        """A layer of the core for inputs that it sees in these shapes, within a limit of values."""
        native = _core.Layer(*self.native_form(inner))
        take_values(native.build([self._width(shape) for shape in inner], *limit))
        return native

    def set_random_stream(self, seed: int, index: int) -> None:
        super().set_random_stream(seed, index)
        for count, form in enumerate(self._forms.values(), start=1):
            for native in form:
                native.set_random_stream(seed, index + count * streams.LAYERS_OF_FORM)

    def _width(self, shape: Shape) -> int:
        """The width of the rows of an input of this shape."""
        width = shape[-1] if len(shape) > 1 else None
        if width is None:
            raise ValueError(f"{self.name}: expected an input (None, ..., d), got {shape}")
        return width


def _sample_shapes(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    return tuple(tuple(shape[1:]) for shape in shapes)
