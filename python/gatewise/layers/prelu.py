"""The rectifier with a trained factor of negative values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gatewise import initializers
from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.layers.shared_axes import SharesAxes
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.layers.symbol import Shape
    from gatewise.regularizers import Regularizer


@LAYERS.register()
class PReLU(SharesAxes):
    """`y = x` where x is positive, else `alpha x` with a trained alpha.

    Parameters
    ----------
    alpha_initializer : str or Initializer
        Initial values of alpha.
    alpha_regularizer : str or Regularizer, optional
        Penalty on alpha.
    alpha_constraint : str or Constraint, optional
        Constraint on alpha after every update.
    shared_axes : int or sequence of int, optional
        Axes from 1 on, the first of a sample, along which alpha has size 1: `[1, 2]` is one alpha
        for each channel of an image. By default alpha has the shape of a sample.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        A name is unknown; or at the first call, the input has no such axis, or alpha differs along
        an axis whose size is not known.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Sums of the gradient of alpha are in float64, over each sample and then over samples: the same
    bits for any thread count.

    References
    ----------
    He et al. 2015, "Delving deep into rectifiers", equation 1.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.layers.PReLU(alpha_initializer=gw.initializers.Constant(0.5))
    >>> layer(np.array([[-2.0, 2.0]])).tolist()
    [[-1.0, 2.0]]
    """

    kind = "prelu"
    weight_names = {"alpha": "alpha"}  # noqa: RUF012, read only
    alpha_regularizer: Regularizer | None
    alpha_constraint: Constraint | None

    def __init__(
        self,
        alpha_initializer: str | Initializer | Config = "zeros",
        alpha_regularizer: str | Regularizer | Config | None = None,
        alpha_constraint: str | Constraint | Config | None = None,
        shared_axes: int | Sequence[int] | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.alpha_initializer = initializers.get(alpha_initializer, "alpha_initializer")
        self.take_penalties(alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint)
        self.shared_axes = None if shared_axes is None else _axes(shared_axes)

    def shared_of(self, shape: Shape) -> Sequence[bool]:
        return [axis in (self.shared_axes or ()) for axis in range(1, len(shape))]

    def check_inputs(self, shapes: list[Shape]) -> None:
        super().check_inputs(shapes)
        if max(self.shared_axes or (1,)) >= len(shapes[0]):
            raise ValueError(
                f"{self.name}: shared_axes: expected axes of an input {shapes[0]}, "
                f"got {self.shared_axes}"
            )

    def native_form(self, shapes: list[Shape]) -> tuple[str, NativeOptions]:
        return self.kind, self.shared_options(shapes[0])

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.alpha_initializer

    def weight_shape(self, parameter: _core.Parameter) -> tuple[int, ...]:
        shape: Shape = self.input_shape
        sizes = zip(shape[1:], self.shared_of(shape), strict=True)
        return tuple(1 if shared else int(size or 1) for size, shared in sizes)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            **self.penalty_config(),
            "shared_axes": self.shared_axes,
        }


def _axes(given: Any) -> list[int]:
    several = given if isinstance(given, list | tuple) else [given]
    return [check_integer("shared_axes", axis, 1) for axis in several]
