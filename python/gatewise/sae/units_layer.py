"""The units of a stacked autoencoder, as the layers at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import initializers
from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.registry import Config, NativeOptions
from gatewise.sae.standardize import StandardizedLayer
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise.initializers import Initializer


@LAYERS.register()
class Units(StandardizedLayer):
    """`u = s (x - c)`, or back: `x = u / s + c`.

    Parameters
    ----------
    inverse : bool
        Whether it is the way back.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    TypeError
        An argument is of another type, or not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. c `(d,)` and s `(1,)` are not trained. Slopes between the
    two are those of the loss in units of `s x`, as in `SparseDictionary`.
    """

    kind = "units"

    def __init__(self, inverse: bool = False, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.inverse = check_flag("inverse", inverse)

    def native_options(self) -> NativeOptions:
        return {"inverse": self.inverse}

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return initializers.Ones() if parameter.name == "scale" else initializers.Zeros()

    def get_config(self) -> Config:
        return {**super().get_config(), "inverse": self.inverse}
